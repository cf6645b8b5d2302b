"""Where reading, planning, executing and writing meet. No arithmetic and no parsing of its own."""
