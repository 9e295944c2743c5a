"""Clean tables → calendar → relevant consumer-items → what each bought in every step."""
