"""Settings of the whole house: read from the environment, safe by default."""

import os
from pathlib import Path

from carbet.config import environment

BASE_DIR = Path(__file__).resolve().parent.parent.parent
STATE_DIR = environment.state_dir()

# Demonstration mode shows the accounts on the sign-in page and loads synthetic people.
DEMONSTRATION = environment.flag("CARBET_DEMONSTRATION")
DEBUG = environment.flag("CARBET_DEBUG")
SECRET_KEY = environment.secret("CARBET_SECRET_KEY", "secret_key")
ALLOWED_HOSTS = environment.words("CARBET_HOSTS", "localhost 127.0.0.1 [::1]")
PUBLIC_URL = os.environ.get("CARBET_PUBLIC_URL", "http://localhost:8000")
# The live-event server's origin, as the browser sees it. Behind one proxy both are the same.
LIVE_URL = os.environ.get("CARBET_LIVE_URL", "http://localhost:8001")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django_htmx",
    "template_partials.apps.SimpleAppConfig",
    "django_cotton.apps.SimpleAppConfig",
    "pgtrigger",
    "pghistory",
    "procrastinate.contrib.django",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.idp.oidc",
    "carbet.core",
    "carbet.registries.accounts",
    "carbet.registries.directory",
    "carbet.registries.rights",
    "carbet.registries.patients",
    "carbet.registries.offer",
    "carbet.registries.identity",
    "carbet.coordination.care_teams",
    "carbet.coordination.alerts",
    "carbet.coordination.documents",
    "carbet.coordination.tasks",
    "carbet.coordination.orientation",
    "carbet.coordination.notebook",
    "carbet.coordination.assessments",
    "carbet.coordination.scheduling",
    "carbet.coordination.situations",
    "carbet.coordination.support",
    "carbet.coordination.messaging",
    "carbet.coordination.care_plans",
    "carbet.coordination.charts",
    "carbet.coordination.subscriptions",
    "carbet.coordination.detection",
    "carbet.interop.fhir_api",
    "carbet.interop.hospital_feed",
    "carbet.interop.secure_mail",
    "carbet.interop.shared_record",
    "carbet.interop.exports",
    "carbet.portal",
    "carbet.steering.activity",
    "carbet.steering.demonstration",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "carbet.core.middleware.RequestIdentityMiddleware",
    "carbet.registries.accounts.middleware.AccountSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "carbet.registries.accounts.middleware.AccountAuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "carbet.core.middleware.DoorMiddleware",
]

ROOT_URLCONF = "carbet.config.urls"
WSGI_APPLICATION = "carbet.config.wsgi.application"

_LOADERS = [
    (
        "template_partials.loader.Loader",
        [
            (
                "django.template.loaders.cached.Loader",
                [
                    "django_cotton.cotton_loader.Loader",
                    "django.template.loaders.filesystem.Loader",
                    "django.template.loaders.app_directories.Loader",
                ],
            )
        ],
    )
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "carbet" / "core" / "templates"],
        "OPTIONS": {
            "loaders": _LOADERS,
            "builtins": [
                "django_cotton.templatetags.cotton",
                "template_partials.templatetags.partials",
                "carbet.core.templatetags.carbet",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "carbet.core.context.page",
            ],
        },
    }
]
COTTON_DIR = "components"
FORM_RENDERER = "carbet.core.forms.CarbetFormRenderer"

# Two roles: the application role owns nothing and obeys row-level security; the owner migrates.
DATABASES = {
    "default": environment.database("application"),
    "owner": environment.database("owner"),
    # The cache writes outside the request's transaction: a refused sign-in counts all the same.
    "cache": environment.database("application") | {"CONN_MAX_AGE": 60},
}
DATABASE_ROUTERS = ["carbet.core.cache.CacheRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.Account"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
SESSION_ENGINE = "carbet.registries.accounts.sessions"
SESSION_COOKIE_NAME = "carbet"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "carbet.core.views.csrf_failure"
_SECURE = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _SECURE
SECURE_HSTS_SECONDS = 63072000 if _SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _SECURE
# The proxy that ends TLS sends plain requests on to TLS; the region decides of its other names.
SILENCED_SYSTEM_CHECKS = ["security.W008"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _SECURE else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'", LIVE_URL],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],
        # Signing out leads to the provider's own sign-out.
        "form-action": ["'self'", *environment.pro_sante_connect_origins()],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_ADAPTER = "carbet.registries.accounts.adapter.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_DISPLAY = "carbet.registries.accounts.adapter.display_name"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
# A whole hospital may sign in from one address; who fails is stopped by address and by account.
ACCOUNT_RATE_LIMITS = {
    "login": "120/m/ip",
    "login_failed": "20/m/ip,5/5m/key",
    # Requests to work in a structure, from whoever comes by.
    "registration": "20/h/ip",
}
ALLAUTH_TRUSTED_PROXY_COUNT = int(os.environ.get("CARBET_PROXIES", "0"))
MFA_ADAPTER = "carbet.registries.accounts.adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Carbet"
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "authenticate": "carbet.registries.accounts.forms.CodeForm",
    "reauthenticate": "carbet.registries.accounts.forms.ConfirmationCodeForm",
}
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _SECURE
# Pro Santé Connect proves who a professional is; nothing else signs in from outside.
PRO_SANTE_CONNECT = environment.pro_sante_connect()
SOCIALACCOUNT_ADAPTER = "carbet.registries.rights.adapter.SocialAccountAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
IDP_OIDC_ADAPTER = "carbet.registries.rights.adapter.ApplicationAdapter"
IDP_OIDC_PRIVATE_KEY = environment.private_key()

# Who acts is resolved above core: core only knows the name of the function.
CARBET_ACTOR_RESOLVER = "carbet.registries.directory.access.resolve"
# Where other systems come: refused in their own language, by limits of their own.
CARBET_SYSTEMS_PATH = "/fhir"
CARBET_SYSTEM_RESOLVER = "carbet.interop.fhir_api.access.resolve"

# Counts of attempts and used codes: shared by every process, bounded, lost without harm.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "core_cache",
        "OPTIONS": {"MAX_ENTRIES": 50_000},
    }
}
# Notices leave by these doors; one that is not set up sends nothing, and says so in the tray.
# A demonstration has stand-ins, which keep what would have left.
EMAIL_HOST = os.environ.get("CARBET_SMTP_HOST", "")
EMAIL_PORT = int(os.environ.get("CARBET_SMTP_PORT", "587"))
EMAIL_HOST_USER = os.environ.get("CARBET_SMTP_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("CARBET_SMTP_PASSWORD", "")
EMAIL_USE_TLS = EMAIL_PORT == 587
EMAIL_USE_SSL = EMAIL_PORT == 465
EMAIL_TIMEOUT = 15
EMAIL_BACKEND = os.environ.get(
    "CARBET_EMAIL_BACKEND",
    f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'locmem'}.EmailBackend",
)
DEFAULT_FROM_EMAIL = os.environ.get("CARBET_EMAIL_FROM", "Carbet <ne-pas-repondre@localhost>")
SMS_URL = os.environ.get("CARBET_SMS_URL", "")
SMS_TOKEN = os.environ.get("CARBET_SMS_TOKEN", "")
# The INSi teleservice: its address, the certificate of the structure and its key (PEM files), the
# number of authorisation of the software (IDAM) and who asks.
INSI_URL = os.environ.get("CARBET_INSI_URL", "")
INSI_CERTIFICATE = os.environ.get("CARBET_INSI_CERTIFICATE", "")
INSI_KEY = os.environ.get("CARBET_INSI_KEY", "")
INSI_IDAM = os.environ.get("CARBET_INSI_IDAM", "")
INSI_EMITTER = os.environ.get("CARBET_INSI_EMITTER", "")
# The shared record (DMP): its address, the certificate of the structure and its key (PEM files),
# the authorities that it is trusted by. In a demonstration a sandbox answers.
DMP_URL = os.environ.get("CARBET_DMP_URL", "")
# What the sandbox of a demonstration was given.
DMP_SANDBOX = STATE_DIR / "dmp-sandbox"
DMP_CERTIFICATE = os.environ.get("CARBET_DMP_CERTIFICATE", "")
DMP_KEY = os.environ.get("CARBET_DMP_KEY", "")
DMP_AUTHORITIES = os.environ.get("CARBET_DMP_AUTHORITIES", "")
# Where software of others may be called when an event happens: hosts, "*" for a demonstration that
# calls nobody.
EVENT_HOSTS = frozenset(
    os.environ.get("CARBET_EVENT_HOSTS", "*" if DEMONSTRATION else "").lower().split()
)
# Secure mail (MSSanté): the operators that mailboxes may be at, "name=imap.host:993/smtp.host:587";
# the mailbox of the house itself, for invitations; the authorities whose certificates we trust.
MSS_SERVERS = environment.words("CARBET_MSS_SERVERS", "")
MSS_HOUSE = environment.secure_mailbox()
MSS_AUTHORITIES = os.environ.get("CARBET_MSS_AUTHORITIES", "")
MSS_PATIENT_DOMAIN = os.environ.get("CARBET_MSS_PATIENT_DOMAIN", "patient.mssante.fr")
# A copy of CDA_extended.xsd (ANS): with it, clinical documents are judged by the official schema.
CDA_SCHEMA = os.environ.get("CARBET_CDA_SCHEMA", "")
# Who keeps the documents of structures without a national number: "1" and a FINESS or "3" and a
# SIRET, then a name. That of the demonstration is invented.
CUSTODIAN_NUMBER, _, CUSTODIAN_NAME = os.environ.get(
    "CARBET_CUSTODIAN", "1973999990 Exploitant de Carbet (démonstration)" if DEMONSTRATION else ""
).partition(" ")
PUSH_PRIVATE_KEY = environment.push_key()
# Push services ask whom to write to when something goes wrong.
PUSH_CONTACT = os.environ.get("CARBET_PUSH_CONTACT", "mailto:exploitation@localhost")
# Outside directories: none is asked for anything without its key.
ANNUAIRE_URL = os.environ.get("CARBET_ANNUAIRE_URL", "https://gateway.api.esante.gouv.fr/fhir/v2")
ANNUAIRE_KEY = os.environ.get("CARBET_ANNUAIRE_KEY", "")
ROR_URL = os.environ.get("CARBET_ROR_URL", "")
ROR_TOKEN_URL = os.environ.get("CARBET_ROR_TOKEN_URL", "")
ROR_CLIENT_ID = os.environ.get("CARBET_ROR_CLIENT_ID", "")
ROR_CLIENT_SECRET = os.environ.get("CARBET_ROR_CLIENT_SECRET", "")
# "Name=value" of the headers Ror-Profil-Utilisateur-… and Ror-Role-Metier-….
ROR_PROFILE = environment.words("CARBET_ROR_PROFILE", "")
# Where hospitals send HL7 v2 (MLLP), and the addresses that may: "10.1.0.0/16 10.2.3.4".
MLLP_HOST = os.environ.get("CARBET_MLLP_BIND", "127.0.0.1")
MLLP_PORT = int(os.environ.get("CARBET_MLLP_PORT", "2575"))
MLLP_ALLOWED = environment.words("CARBET_MLLP_ALLOWED", "127.0.0.1 ::1")
# Files of PEM: ours and its key, and whoever signs the certificates of senders.
MLLP_TLS_CERTIFICATE = os.environ.get("CARBET_MLLP_TLS_CERTIFICATE", "")
MLLP_TLS_KEY = os.environ.get("CARBET_MLLP_TLS_KEY", "")
MLLP_TLS_SENDERS = os.environ.get("CARBET_MLLP_TLS_SENDERS", "")
# An urgent alert that nobody read: after how long the circle's next role, then the team on duty.
ESCALATION_MINUTES = environment.minutes("CARBET_ESCALATION_MINUTES", "15 15")

LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", "Français")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "America/Cayenne"

STATIC_URL = "/static/"
STATIC_ROOT = STATE_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or environment.flag("CARBET_TEST")
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_MAX_AGE = 31536000
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
# A request longer than this is answered 413 before it is read.
CARBET_LARGEST_REQUEST = 64 * 1024 * 1024
# Keys that seal the files kept: "number:base64 of 32 bytes", the first one seals.
CARBET_FILE_KEYS = environment.words("CARBET_FILE_KEYS", "")

PGHISTORY_APPEND_ONLY = True
PGHISTORY_INSTALL_CONTEXT_FUNC_ON_MIGRATE = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"carbet": {"level": "INFO"}},
}
