"""Under which roles one may work through Carbet, and until when."""

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from carbet.core import row_security
from carbet.registries.directory.choices import EndReason
from carbet.registries.directory.models.professionals import Delegation, PractitionerRole


class Right(models.Model):
    """One row lets a professional work through Carbet under one role, for a time.

    A role without one is a fact of the directory and opens nothing. It always ends: whoever
    manages the rights of the structure reviews it before. It is never deleted.
    """

    ROW_SECURITY = row_security.Open("speaks of professionals; read before any actor is known")

    practitioner_role = models.ForeignKey(
        PractitionerRole, on_delete=models.PROTECT, related_name="rights"
    )
    # Approves requests, reviews and ends rights in the structure of the role.
    manages = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    # Exclusive; `end_reason` says when it is not the day that was foreseen.
    ended_at = models.DateTimeField()
    end_reason = models.CharField(max_length=12, choices=EndReason, blank=True)
    end_words = models.CharField(max_length=200, blank=True)
    ended_by_name = models.CharField(max_length=200, blank=True)
    granted_by_name = models.CharField(max_length=200)
    reviewed_at = models.DateTimeField(null=True)
    reviewed_by_name = models.CharField(max_length=200, blank=True)
    # For which end its holder was told that it comes near.
    reminded_for = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["practitioner_role", "ended_at"], name="right_by_role"),
            models.Index(fields=["ended_at"], name="right_by_end"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(ended_at__gte=F("started_at")), name="right_period"),
        ]

    def __str__(self) -> str:
        return str(self.practitioner_role)


def holds_right(now: object, role: str = "pk") -> Exists:
    """Return the condition "this role is open now"; `role` is the path to the role's id."""
    return Exists(
        Right.objects.filter(
            practitioner_role=OuterRef(role), started_at__lte=now, ended_at__gt=now
        )
    )


def holding_delegations(now: object) -> QuerySet[Delegation]:
    """Return the delegations under which one may act now.

    Between their start and their end, while whoever gave them works there under an open right.
    """
    return Delegation.objects.filter(
        Q(delegator__ended_at__isnull=True) | Q(delegator__ended_at__gt=now),
        holds_right(now, "delegator"),
        started_at__lte=now,
        ended_at__gt=now,
        delegator__practitioner__active=True,
        delegator__organization__active=True,
    )
