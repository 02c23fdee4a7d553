"""What the territory is steered by: activity, surveillance, programme, and the demonstration."""
