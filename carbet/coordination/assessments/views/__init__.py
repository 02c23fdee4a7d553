"""Pages of assessments, and of the questionnaires that they fill."""
