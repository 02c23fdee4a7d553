"""The same comparison for millions of identities at once: Splink on DuckDB, or on Spark."""
