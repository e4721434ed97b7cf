import dspy


class Router(dspy.Module):
    def __init__(self, routes: dict[str, dspy.Module]):
        super().__init__()
        self.pick = dspy.Predict("question -> route")
        self.routes = routes

    async def forward(self, settings: dspy.Settings, /, **kwargs):
        route = (await self.pick(settings, **kwargs)).route
        return await self.routes[route](settings, **kwargs)
