"""Address of the record."""

from django.urls import path

from carbet.coordination.charts import views

app_name = "charts"
urlpatterns = [path("patients/<sid:patient_id>/", views.detail, name="detail")]
