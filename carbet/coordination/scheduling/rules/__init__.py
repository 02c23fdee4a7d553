"""What is true of time: spans that meet, recurrences, who must agree."""
