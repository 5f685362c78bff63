"""Which groups of packages the lessons need beyond the core, by their experiments (``mlworkbench.needs``)."""

NEEDS = {
    "1.3 autologging": ("deep",),
    "1.6 tracking server": ("scale",),
    "2.1 the MLmodel format": ("deep",),
    "2.6 checkpoints": ("deep",),
    "5 stock market": ("market", "deep"),
    "5.4 pilot": ("market", "deep"),
    "5.5 serving": ("market", "deep"),
    "5.6 monitoring": ("market", "deep"),
    "5.7 scaling out": ("market", "deep", "scale"),
    "exercises: market": ("market", "deep"),
    "A.1 clouds": ("market",),
}
