"""Addresses of the identity cell's desk."""

app_name = "identity"
urlpatterns: list = []
