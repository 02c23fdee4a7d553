"""Pages of the plan: read, write, propose, decide, versions, paper."""
