"""Fine-tunes."""

from __future__ import annotations

from .example import Example

_FINE_TUNE = "ft-cir3eevt71r003ks6il0"

EXAMPLES = [
    Example(
        "training-data",
        """
import csv

# Define data
data = [
  ("What is your policy on carry-on luggage?", "Each passenger may bring one piece of luggage and one personal item."),
  ("How can I change my flight?", "You can change your flight through our website or mobile app."),
  ("What meals are available on my flight?", "We offer a variety of meals depending on the flight's duration and route."),
  ("How early should I arrive at the airport before my flight?", "We recommend arriving at least two hours before domestic flights."),
  ("Can I select my seat in advance?", "Yes, you can select your seat during the booking process or afterwards."),
]

# Write data to a CSV file
with open('customer_service_data.csv', 'w', newline='') as file:
    writer = csv.writer(file)
    writer.writerow(["prompt", "response"])
    writer.writerows(data)
""",
        "",
    ),
    Example(
        "fine-tune",
        """
from llmengine import FineTune

response = FineTune.create(
    model="llama-2-7b",
    training_file="https://my-bucket.s3.us-west-2.amazonaws.com/path/to/training-file.csv",
)

print(response.json())
""",
        '{"id": "ft-907b988e5a834fc2a580"}\n',
        answers=["141-ft-create-ok"],
        sends=[
            (
                "POST",
                "/v1/llm/fine-tunes",
                {
                    "model": "llama-2-7b",
                    "training_file": "https://my-bucket.s3.us-west-2.amazonaws.com/path/to/training-file.csv",
                    "hyperparameters": {},
                },
            )
        ],
    ),
    Example(
        "fine-tune-get",
        """
from llmengine import FineTune

response = FineTune.get(
    fine_tune_id="ft-cir3eevt71r003ks6il0",
)

print(response.json())
""",
        '{"id": "ft-907b988e5a834fc2a580", "fine_tuned_model": "llama-2-7b.my-exp.261121-083913", "status": "PENDING"}\n',
        answers=["155-ft-get-pending"],
        sends=[("GET", f"/v1/llm/fine-tunes/{_FINE_TUNE}", None)],
    ),
    Example(
        "fine-tune-list",
        """
from llmengine import FineTune

response = FineTune.list()
print(response.json())
""",
        '{"jobs": [{"id": "ft-907b988e5a834fc2a580", "fine_tuned_model": "llama-2-7b.my-exp.261121-083913", '
        '"status": "RUNNING"}, {"id": "ft-89e218afcef3427fb3e1", "fine_tuned_model": "llama-2-7b.261121-083913", '
        '"status": "RUNNING"}]}\n',
        answers=["158-ft-list"],
        sends=[("GET", "/v1/llm/fine-tunes", None)],
    ),
    Example(
        "fine-tune-cancel",
        """
from llmengine import FineTune

response = FineTune.cancel(fine_tune_id="ft-cir3eevt71r003ks6il0")
print(response.json())
""",
        '{"success": true}\n',
        answers=["159-ft-cancel-ok"],
        sends=[("PUT", f"/v1/llm/fine-tunes/{_FINE_TUNE}/cancel", None)],
    ),
    Example(
        "fine-tune-events",
        """
from llmengine import FineTune

response = FineTune.get_events(fine_tune_id="ft-cir3eevt71r003ks6il0")
print(response.json())
""",
        '{"events": [{"timestamp": 1795250353.414954, '
        '"message": "{\'loss\': 1.962, \'learning_rate\': 0.0004, \'epoch\': 0.2}", "level": "info"}, '
        '{"timestamp": 1795250354.914954, '
        '"message": "{\'loss\': 1.314, \'learning_rate\': 0.0015, \'epoch\': 0.6}", "level": "info"}]}\n',
        answers=["157-ft-events"],
        sends=[("GET", f"/v1/llm/fine-tunes/{_FINE_TUNE}/events", None)],
    ),
]
