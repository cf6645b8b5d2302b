"""What changes colours, or what a user's own pipeline does; no plan is known here."""
