"""Real machines: what their firmware and their kernels say of their memory."""
