"""The method: labels, networks, training and samplers, whatever the samples are."""
