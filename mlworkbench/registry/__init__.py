"""Registered models: versions, promotion through a gate, the audit trail, and a picture of the life cycle."""
