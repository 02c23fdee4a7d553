"""Pages of support: requests, and the cases that they open."""
