"""Roles of an assistant that a loopback server fills."""

from scripts.assistants.roles import Budget, ConfirmRoles, Panel, Role

NO_LIMIT = Budget()
HOW = ("escalate", "price_ratio", "rate_prompts", "panel")


def role_of(server, provider="openai", name="judge 1", model="small", **more) -> Role:
    address = server.openai if provider == "openai" else server.gemini
    return Role(name, provider, model, address, **{"concurrency": 16, "timeout": 1.0} | more)


def roles_of(server, provider="openai", budget=NO_LIMIT, **more) -> ConfirmRoles:
    """A small model that goes first, a large one that judges and names themes."""
    how = {name: more.pop(name) for name in HOW if name in more}
    judge, cheap, themes = (
        role_of(server, provider, name, model, **more)
        for name, model in (("judge 1", "large"), ("cheap", "small"), ("themes", "large"))
    )
    return ConfirmRoles(budget, (judge,), cheap, themes, **how)


def panel_of(servers, decide="first", share=1.0, budget=NO_LIMIT, **how) -> ConfirmRoles:
    """A judge at each server; the first one fills the other roles."""
    judges = tuple(
        role_of(server, name=f"judge {n}", model=f"model-{n}")
        for n, server in enumerate(servers, 1)
    )
    return ConfirmRoles(
        budget, judges, judges[0], judges[0], **{"escalate": "never"} | how,
        panel=Panel(decide, share),
    )  # fmt: skip
