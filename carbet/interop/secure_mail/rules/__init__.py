"""What is true of secure mails: how they are read and written."""
