"""What several modules need to know of colour."""

# BT.601 luma of R'G'B'.
LUMA = (0.299, 0.587, 0.114)
