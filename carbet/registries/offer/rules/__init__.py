"""What is true of an offer: what is missing, whether it is fresh, in which domain it counts."""
