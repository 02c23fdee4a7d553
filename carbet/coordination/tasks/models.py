"""Tasks: what is asked of whom about one person, by when, and what became of it."""

from datetime import date

from django.db import models

from carbet.coordination.tasks.choices import OPEN, Priority, TaskStatus
from carbet.core import row_security
from carbet.core.history import tracked


@tracked
class Task(models.Model):
    """One row asks one role or structure to do something for one person (FHIR Task)."""

    # Whoever is asked sees it as well, whatever is open to them.
    ROW_SECURITY = row_security.Protected(category="category")

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT)
    text = models.CharField(max_length=300)
    # That of what asks for it (`DataCategory`); 0, what whoever enters the record sees.
    category = models.SmallIntegerField(default=0, db_default=0)
    status = models.CharField(max_length=12, choices=TaskStatus, default=TaskStatus.REQUESTED)
    priority = models.CharField(max_length=8, choices=Priority, default=Priority.ROUTINE)
    # The key of a role or of a structure, and the name it had when it was asked.
    owner = models.CharField(max_length=40)
    owner_name = models.CharField(max_length=300)
    requester_role = models.ForeignKey(
        "directory.PractitionerRole", on_delete=models.PROTECT, null=True
    )
    requester_name = models.CharField(max_length=300)
    requested_at = models.DateTimeField()
    due_on = models.DateField(null=True)
    # Where the list puts it: the day, or the end of time without one.
    order_on = models.DateField(default=date.max)
    # What asked for it ("plan:12"): the same twice is one task; and the page it comes from.
    source = models.CharField(max_length=80, blank=True)
    target = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=300, blank=True)
    reminded_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)
    # The key of the gesture that wrote it: the same key twice is one row.
    gesture = models.UUIDField(null=True, unique=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["owner", "order_on", "id"],
                name="task_to_do",
                condition=models.Q(status__in=OPEN),
            ),
            models.Index(
                fields=["requester_role", "order_on", "id"],
                name="task_asked",
                condition=models.Q(status__in=OPEN),
            ),
            models.Index(fields=["owner", "-settled_at", "-id"], name="task_settled"),
            models.Index(
                fields=["requester_role", "-settled_at", "-id"], name="task_settled_asked"
            ),
            models.Index(fields=["patient", "-id"], name="task_of_patient"),
            models.Index(
                fields=["due_on"],
                name="task_late",
                condition=models.Q(status__in=OPEN, reminded_at__isnull=True),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["source"], name="task_once_a_source", condition=~models.Q(source="")
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=OPEN, settled_at__isnull=True)
                | (~models.Q(status__in=OPEN) & models.Q(settled_at__isnull=False)),
                name="task_settled_or_open",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="rejected") | ~models.Q(reason=""),
                name="task_refused_with_reason",
            ),
        ]
