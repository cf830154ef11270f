"""What a request for a search may say."""

from __future__ import annotations

from policysearch.service.request_models.taken import closed_model

SearchRequest = closed_model("SearchRequest", "search")
"""The settings of `policysearch search`, without those that the server sets."""
