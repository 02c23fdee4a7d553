"""What is true of HL7 v2 as hospitals send it (PAM-FR 2.11, CI-SIS documents in HL7 v2)."""
