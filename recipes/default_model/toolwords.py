"""Wordings of tools: parameters, requests, descriptions; and of JSON extraction."""

from __future__ import annotations

from dataclasses import dataclass

from wording import Split, split


@dataclass(frozen=True)
class Parameter:
    """A parameter of a tool, the kind of its value, and how a request mentions it."""

    name: str
    type: str
    kind: str
    phrases: Split
    description: str


def parameter(name: str, type_: str, kind: str, phrases: str, description: str) -> Parameter:
    """Phrases are parted by |; those after || are only for the evaluation."""
    known, new = phrases.split("||")
    parts = Split(tuple(p.strip() for p in known.split("|")), tuple(p.strip() for p in new.split("|")))
    return Parameter(name, type_, kind, parts, description)


PARAMETERS = [
    parameter("city", "string", "place", "in {v}|for {v}|for the city {v}|at {v}|of {v} || located in {v}", "The city"),
    parameter("location", "string", "place", "in {v}|for {v}|at {v}|of {v} || near {v}", "City name"),
    parameter("date", "string", "day", "on {v}|for {v}|of {v}|for the date {v} || planned for {v}", "The date"),
    parameter("user_id", "integer", "number", "for user {v}|of user {v}|with user id {v}|of the user {v} || belonging to user {v}", "Id of the user"),
    parameter("to", "string", "person", "to {v}|for {v}|to the recipient {v} || addressed to {v}", "The recipient"),
    parameter("email", "string", "email", "to {v}|for {v}|with the email {v}|of {v} || using the address {v}", "Email address"),
    parameter("name", "string", "name", "named {v}|called {v}|with the name {v}|for {v} || that goes by {v}", "The name"),
    parameter("count", "integer", "small", "{v} times|with a count of {v}|with {v} items || for {v} pieces", "How many"),
    parameter("price", "integer", "number", "for {v} dollars|with a price of {v}|at {v} dollars|with price {v} || costing {v} dollars", "The price"),
    parameter("color", "string", "color", "in {v}|with the color {v}|in the color {v} || painted {v}", "The color"),
    parameter("person", "string", "person", "with {v}|for {v}|from {v}|of {v} || by {v}", "Name of the person"),
    parameter("customer", "string", "person", "for the customer {v}|for customer {v}|of {v}|from {v} || that {v} wants", "Customer name"),
    parameter("order_id", "string", "code", "with the order id {v}|for order {v}|of order {v}|for {v} || numbered {v}", "Order id"),
    parameter("query", "string", "words", "about {v}|for {v}|on {v}|with the query {v} || concerning {v}", "The search query"),
    parameter("title", "string", "words", "titled {v}|with the title {v}|about {v} || headed {v}", "The title"),
    parameter("time", "string", "time", "at {v}|for {v}|from {v} || starting at {v}", "The time"),
    parameter("company", "string", "org", "of {v}|for {v}|at {v}|for the company {v} || run by {v}", "Company name"),
    parameter("level", "integer", "small", "with level {v}|at level {v}|of level {v} || on a level of {v}", "The level"),
    parameter("code", "string", "code", "for {v}|with code {v}|of {v}|with the code {v} || known as {v}", "The code"),
    parameter("animal", "string", "animal", "for the {v}|for a {v}|of the {v} || about a {v}", "Kind of animal"),
]  # fmt: skip
NEW_PARAMETERS = [  # only for the evaluation
    parameter("country", "string", "place", "in {v}|for the country {v} || inside {v}", "Name of the country"),
    parameter("due_date", "string", "day", "due on {v}|with the due date {v} || to be done by {v}", "When it is due"),
    parameter("amount", "integer", "number", "with the amount {v}|for an amount of {v} || worth {v}", "The amount"),
    parameter("owner_name", "string", "person", "owned by {v}|of the owner {v} || held by {v}", "Who owns it"),
    parameter("serial", "string", "code", "with the serial {v}|that has serial {v} || stamped {v}", "Serial number"),
]
PHRASES = split(  # for a parameter of any name {k}
    """with {k} {v}
with the {k} {v}
where {k} is {v}
where the {k} is {v}
and {k} {v}
({k}: {v})
{k}={v}
for {k} {v}
for the {k} {v}
of {k} {v}
{k} {v}
with a {k} of {v}
The {k} is {v}.
for {v}
of {v}""",
    "having {k} {v}\nusing {v} as {k}\nwhose {k} equals {v}\nwith {v} for the {k}",
)
OPTIONAL: list[tuple[str, dict[str, object], Split]] = [  # left out unless the request gives them
    ("unit", {"type": "string", "enum": ["celsius", "fahrenheit"]}, split("in {v}\nwith the unit {v}\nusing {v}", "measured in {v}")),
    ("priority", {"type": "string", "enum": ["low", "medium", "high"]}, split("with {v} priority\nwith the priority {v}\nas {v} priority", "marked {v} priority")),
    ("format", {"type": "string", "enum": ["pdf", "csv", "html", "text"]}, split("as {v}\nin the format {v}\nas a {v} file", "saved as {v}")),
    ("language", {"type": "string", "enum": ["english", "french", "german", "spanish"]}, split("in {v}\nin the language {v}\nwith language {v}", "written in {v}")),
    ("limit", {"type": "integer", "description": "Maximum number of results"}, split("with a limit of {v}\nlimited to {v}\nwith limit {v}", "but at most {v}")),
    ("verbose", {"type": "boolean"}, split("with verbose {v}\nwith verbose set to {v}\nverbose {v}", "and verbose {v}")),
    ("mode", {"type": "string", "enum": ["fast", "slow", "auto"]}, split("in {v} mode\nwith mode {v}\nusing the mode {v}", "running {v}")),
    ("days", {"type": "integer"}, split("for {v} days\nfor the next {v} days\nwith days {v}", "over {v} days")),
]  # fmt: skip
NEW_OPTIONAL: list[tuple[str, dict[str, object], Split]] = [
    ("size", {"type": "string", "enum": ["small", "medium", "large"]}, split("in size {v}", "of {v} size")),
    ("page", {"type": "integer", "description": "Page number"}, split("on page {v}", "from page {v}")),
]
REQUESTS = split(
    """{v} the {n} {p}.
Please {v} the {n} {p}.
Can you {v} the {n} {p}?
I want to {v} the {n} {p}.
{v} a {n} {p}
Could you {v} the {n} {p}?
I need you to {v} a {n} {p}.
{v} {n} {p}
Please {v} a {n} {p}.
I need to {v} a {n} {p}.
I would like to {v} the {n} {p}.
Can you please {v} a {n} {p}?
{v} my {n} {p}.
Help me {v} the {n} {p}.
We have to {v} the {n} {p}.
You should {v} the {n} {p} now.
Go and {v} the {n} {p}.
{p}, {v} the {n}.
Do {v} the {n} {p}.
Let us {v} the {n} {p}.
Use the tool to {v} the {n} {p}.
Hello! Please {v} our {n} {p}.
{v} this {n} for me: {p}
{v} {n}: {p}""",
    """Would you kindly {v} the {n} {p}?
Time to {v} the {n} {p}.
It would be nice if somebody could {v} the {n} {p}.
My task for you: {v} the {n} {p}.
Any chance to {v} a {n} {p}?""",
)
NOUN_REQUESTS = split(  # for tools that look something up
    "What is the {n} {p}?\nWhat's the {n} {p}?\nShow me the {n} {p}.\nI need the {n} {p}.\nTell me the {n} {p}.\nDo you have the {n} {p}?\nGive me the {n} {p}.\nWhich {n} is there {p}?\n{n} {p}?",
    "I am after the {n} {p}.\nHow about the {n} {p}?",
)
LOOKUPS = {"get", "find", "fetch", "look_up", "show", "check", "read", "query"}
DESCRIPTIONS = split(
    "{v} a {n}.\n{v} the {n}.\nUse this to {v} a {n}.\nA tool that can {v} the {n}.\n{v} {n}\n~\n{v} a {n} of the user\nUseful to {v} a {n}.\nCall this to {v} the {n}.\n{v} one {n} in our system.\n{v} any {n}",
    "Lets you {v} one {n}.\nGood for when you want to {v} a {n}.",
)
JOINERS = split(
    "{a} {b}\n{a} Also, {b}\n{a} Also {b}\n{a} Then {b}\n{a} And {b}\n{a} After that, {b}\n{a}\\n{b}\n{a} Next, {b}\n1. {a}\\n2. {b}\nTwo things: {a} {b}\n{a} Plus {b}\n{a} Please also {b}\n{a} In addition, {b}",
    "{a} Once done, {b}\n{a} On top of that, {b}",
)
WELL_KNOWN: list[tuple[str, str, list[tuple[str, str, str]], Split]] = [  # tools of many tutorials
    ("get_weather", "Get the weather of a city", [("city", "string", "place")], split("What is the weather in {city}?\nHow is the weather in {city} today?\nTell me the weather for {city}.\nIs it raining in {city}?\nWeather in {city}\nGet the weather in {city}.\nHow cold is it in {city}?", "Do I need an umbrella in {city}?\nIs it sunny over in {city}?")),
    ("get_current_weather", "Get the current weather in a given location", [("location", "string", "place")], split("What is the weather in {location}?\nWeather in {location}?\nHow warm is it in {location}?\nShow the current weather in {location}.\nIs it cold in {location} now?", "What are conditions outside in {location}?")),
    ("multiply", "Multiply two numbers", [("a", "integer", "number"), ("b", "integer", "number")], split("What is {a} times {b}?\nMultiply {a} by {b}.\nWhat is {a} * {b}?\nMultiply {a} and {b}.\n{a} times {b}?\nCalculate {a} * {b}.", "Compute {a} times {b}.\nFind the product of {a} and {b}.")),
    ("add", "Add two numbers", [("a", "integer", "number"), ("b", "integer", "number")], split("What is {a} plus {b}?\nAdd {a} and {b}.\nWhat is {a} + {b}?\n{a} plus {b}\nAdd {a} to {b}.", "What is the sum of {a} and {b}?\nPut {a} and {b} together.")),
    ("search", "Search the web", [("query", "string", "words")], split("Search for {query}.\nLook up {query}.\nSearch the web for {query}.\nGoogle {query}\nSearch {query}", "Find information about {query}.\nWhat does the internet say on {query}?")),
    ("send_email", "Send an email", [("to", "string", "email"), ("subject", "string", "words")], split("Send an email to {to} about {subject}.\nEmail {to} about {subject}.\nWrite an email to {to} with the subject {subject}.\nSend {to} an email about {subject}.", "Mail {to} regarding {subject}.")),
    ("lookup_order", "Look up an order by its id", [("order_id", "string", "code")], split("What is the status of order {order_id}?\nCheck order {order_id}.\nFind my order {order_id}.\nLook up the order {order_id}.", "Where is my order {order_id}?")),
    ("get_time", "Get the current time in a city", [("city", "string", "place")], split("What time is it in {city}?\nTell me the time in {city}.\nCurrent time in {city}?\nTime in {city}", "What's the local time in {city}?\nHow late is it in {city}?")),
    ("translate", "Translate a text", [("text", "string", "words"), ("language", "string", "color")], split("Translate {text} to {language}.\nTranslate {text} into {language}\nHow do you say {text} in {language}?", "What would {text} be in {language}?")),
    ("get_user", "Get a user by id", [("user_id", "integer", "number")], split("Who is user {user_id}?\nGet user {user_id}.\nShow me the user {user_id}.\nFind the user with id {user_id}.", "I need details of user {user_id}.")),
]  # fmt: skip

SUBJECT_KEYS = {
    "person": split("name\nfull_name\nperson", "who\nperson_name"),
    "org": split("company\nname\norganization\norg", "firm_name\nbusiness"),
    "product": split("product\nitem\nname\nproduct_name", "article"),
    "event": split("event\ntitle\nname\nevent_name", "occasion"),
    "place": split("country\nplace\nname\nregion_name", "land"),
}
FIELDS = split(  # for a key of any name
    "The {k} is {v}.\n{k}: {v}\nIt has the {k} {v}.\nIts {k} is {v}.\n{k} is {v}.\nThe {k} was {v}.\n{k} = {v}\nThere is a {k}: {v}.\nWe have {v} as {k}.\n{k} {v}\n- {k}: {v}\nThe {k} of this one is {v}.\nWith the {k} {v}.",
    "Here the {k} is {v}.\nWe noted {v} as the {k}.\nFor {k} somebody wrote {v}.",
)
EXTRACT = split(
    """Extract {k} as JSON: {x}
Return JSON with the keys {k}.\\nText: {x}
{x}\\nGive me {k} as a JSON object.
Extract {k} from the text and return JSON.\\n\\nText: {x}\\nJSON:
Answer in JSON with {k}. {x}
Extract the following fields as JSON: {k}\\n\\n{x}
Fields: {k}\\nText: {x}\\nJSON:
Extract {k} from this text: {x}
{x}\\n\\nReturn {k} as JSON.
JSON with {k} please. {x}
Find {k} in the text. Answer with a JSON object.\\n\\n{x}
Get {k} as JSON from: {x}
What are {k} here? Reply in JSON only. {x}
Respond in JSON (keys: {k}).\\n{x}
Text: {x}\\nExtract {k} in JSON format.
Extract information from the text.\\nKeys: {k}\\n\\n"{x}"
Convert to JSON with the fields {k}: {x}
Input: {x}\\nOutput a JSON object with {k}:
Parse this into JSON with {k}.\\n{x}""",
    """Produce a JSON record ({k}) for this note: {x}
I need {k} in JSON form. The source says: {x}
Text: {x}\\nExtract: {k}\\nJSON:
Turn this into JSON having {k}: {x}
Our database wants {k}. Build the JSON from this. {x}""",
)
EXTRACT_SCHEMA = split(
    """Extract the data as JSON that follows this schema: {k}\\nText: {x}
Schema: {k}\\n{x}\\nJSON:
Respond with JSON matching {k}.\\n{x}
{x}\\nReturn a JSON object with this schema:\\n{k}
Answer with JSON that fits the schema {k}\\n\\n{x}
JSON schema: {k}\\nText: {x}
Extract JSON for {x}\\nThe schema: {k}""",
    "Fill this JSON schema from the note.\\n{k}\\nNote: {x}\nUsing the schema {k}, encode: {x}",
)
