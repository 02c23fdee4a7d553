"""What can be done with rights."""

from carbet.registries.rights.operations.sign_in import (
    record_provider_link,
    refuse_provider_answer,
)

__all__ = ["record_provider_link", "refuse_provider_answer"]
