"""Any humanoid skeleton: its unit, axes and facing, which of its joints are the canonical 22, and the way back."""
