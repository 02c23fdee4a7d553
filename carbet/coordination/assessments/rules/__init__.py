"""The engine of questionnaires: what is asked, what is answered, what it comes to."""
