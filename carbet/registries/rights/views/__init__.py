"""The pages of rights."""

from carbet.registries.rights.views.pro_sante_connect import (
    pro_sante_connect,
    pro_sante_connect_answer,
)

__all__ = ["pro_sante_connect", "pro_sante_connect_answer"]
