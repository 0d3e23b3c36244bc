"""A catalogue of scenarios that other libraries test gradients of ELBOs by, in our own programs."""
