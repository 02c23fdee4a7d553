"""What is true of a FHIR request before any row is read: its JSON, its shape, its parameters."""
