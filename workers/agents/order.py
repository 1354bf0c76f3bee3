"""The order agent."""

from workers.runtime.worker import CrewAIWorker


class OrderWorker(CrewAIWorker):
    """Validates orders: fraud and risk, stock, payment, what to tell the customer."""

    name = "order"
    queue = "auto_orders"
    role = "E-commerce Order Processing Specialist"
    goal = "Process and validate customer orders with high accuracy"
    backstory = (
        "You know what a sound order looks like and what fraud looks like. You validate and "
        "verify orders, assess their risk, check stock and payment, and tell customers "
        "plainly what happens next."
    )
