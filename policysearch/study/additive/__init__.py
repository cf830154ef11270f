"""The strategy `additive`: a screening design over the factors of a space, then a linear model of what each adds."""
