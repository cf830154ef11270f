"""The picture of a policy: what is drawn (`figure`), what is said of it (`captions`), where it stands (`sheet`)."""
