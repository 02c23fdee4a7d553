"""What becomes of an export."""

from django.db import models


class ExportStatus(models.TextChoices):
    """Bulk Data has in-progress, complete and error; who may begin is ours."""

    PROPOSED = "proposed", "Attend un second exploitant"
    WAITING = "waiting", "En préparation"
    READY = "ready", "Prêt"
    FAILED = "failed", "Arrêté"
    REFUSED = "refused", "Refusé"
    EXPIRED = "expired", "Effacé"


TONES = {
    ExportStatus.PROPOSED: "warning",
    ExportStatus.WAITING: "info",
    ExportStatus.READY: "success",
    ExportStatus.FAILED: "danger",
    ExportStatus.REFUSED: "neutral",
    ExportStatus.EXPIRED: "neutral",
}
