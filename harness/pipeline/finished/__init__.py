"""What is done with runs that are there: told, compared, gated, marked anew."""
