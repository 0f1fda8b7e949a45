"""What only ``lcgan pretrain`` uses."""
