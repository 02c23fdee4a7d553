"""What an operator types: `carbet demo`, `serve`, `backup`, `doctor`… wired to the house."""
