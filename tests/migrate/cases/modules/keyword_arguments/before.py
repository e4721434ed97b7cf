import dspy


class Router(dspy.Module):
    def __init__(self, routes: dict[str, dspy.Module]):
        super().__init__()
        self.pick = dspy.Predict("question -> route")
        self.routes = routes

    def forward(self, **kwargs):
        route = self.pick(**kwargs).route
        return self.routes[route](**kwargs)
