"""Objects that do nothing, or not all that they say: a rule for each reason (`bugbundle.effect`)."""
