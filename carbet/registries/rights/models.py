"""Who asks to work through Carbet, and which other applications one enters through it."""

from django.db import models

from carbet.core import row_security
from carbet.registries.accounts.models import Account
from carbet.registries.directory.models import Organization, PractitionerRole
from carbet.registries.rights.choices import RegistrationStatus


class RegistrationRequest(models.Model):
    """One row is someone who asks to work in a structure through Carbet; the structure decides."""

    ROW_SECURITY = row_security.Open("speaks of professionals; found by secret or by structure")

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    # Who asks when signed in; otherwise names and address are as typed.
    account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, related_name="+")
    family = models.CharField(max_length=100)
    given = models.CharField(max_length=100)
    email = models.EmailField()
    rpps = models.CharField(max_length=11, blank=True)
    profession = models.CharField(max_length=12)
    # When Pro Santé Connect proved who asks: names and RPPS are then the directory's.
    proven_at = models.DateTimeField(null=True)
    words = models.CharField(max_length=300, blank=True)
    submitted_at = models.DateTimeField()
    status = models.CharField(
        max_length=10, choices=RegistrationStatus, default=RegistrationStatus.SUBMITTED
    )
    settled_at = models.DateTimeField(null=True)
    settled_by_name = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    # What came of it.
    practitioner_role = models.ForeignKey(
        PractitionerRole, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["organization", "submitted_at"],
                name="registration_waiting",
                condition=models.Q(status=RegistrationStatus.SUBMITTED),
            ),
        ]
        constraints = [
            # The same request twice is one.
            models.UniqueConstraint(
                fields=["organization", "email", "profession"],
                name="registration_once",
                condition=models.Q(status=RegistrationStatus.SUBMITTED),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.given} {self.family}"


class Application(models.Model):
    """One row is a regional application that professionals enter through Carbet."""

    ROW_SECURITY = row_security.Open("speaks of no person; read before any actor is known")

    # Of the sign-in library's client, which keeps its secret as a digest.
    client_id = models.CharField(max_length=100, unique=True)
    name = models.CharField(max_length=80)
    address = models.URLField(max_length=300)
    redirect_uri = models.URLField(max_length=300)
    # Where it is told that somebody left (OpenID Connect Back-Channel Logout 1.0).
    logout_uri = models.URLField(max_length=300, blank=True)
    registered_at = models.DateTimeField()
    registered_by_name = models.CharField(max_length=200)
    closed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Entry(models.Model):
    """One row is somebody who entered an application: it is told when they leave Carbet."""

    ROW_SECURITY = row_security.Open("speaks of professionals; read as they sign out")

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="entries")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    entered_at = models.DateTimeField()
    # Under which name the application knows them: it is told that this one left.
    subject = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "application"], name="entry_once"),
        ]

    def __str__(self) -> str:
        return str(self.application)
