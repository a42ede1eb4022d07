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
    options: tuple[str, ...] = ()  # of an enumeration


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
of {v}
by {k} {v}
at {k} {v}
from {k} {v}
on {k} {v}
in {k} {v}
with {v} as the {k}
by the {k} {v}
where {k} equals {v}
, {k} {v}
, {k}: {v}
, the {k} being {v}
with its {k} set to {v}
set the {k} to {v}
and use {v} as {k}
Use {v} as the {k}.
Its {k} is {v}.
{k}: {v}
that has the {k} {v}
under {k} {v}
whose {k} is {v}
[{k} {v}]
with {v}
to {v}""",
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
# chains: a call that needs what another one finds
LATER = split(
    """with the {k} that you find
with the {k} from the result
using the {k} you got
with that {k}
for that {k}
with the {k} it returns
with the same {k}
and take the {k} from the answer
with the {k} of the first answer
for the {k} that comes back""",
    "with whatever {k} turns up\nfed by the {k} from before",
)
LATER_VALUES = split(
    "the {k} you find\nthe {k} from the result\nthat {k}\nthe {k} that it returns\nthe {k} you got\nthe {k} in the answer",
    "whatever {k} turns up\nthe {k} from before",
)
CHAINS = split(
    """{a} Then {b}
First {a} Then {b}
{a} With the answer, {b}
{a} When you have it, {b}
{a} After that, {b}
{a} Next, {b}
Step 1: {a} Step 2: {b}
{a} {b}
{a} And then {b}
{a} Use what you get: {b}""",
    "Begin with this: {a} Continue with this: {b}\n{a} As soon as that is known, {b}",
)
STEPS = split(  # one call after the other, although none needs the other
    """First, {a} Only after that, {b}
{a} When you have the answer, {b}
{a} Wait for the result. Then {b}
One after the other: {a} {b}
Do this first: {a} When it is done, {b}
{a} As the second step, {b}
{a} After you have the result, {b}
Step by step please. {a} {b}""",
    "Start here: {a} Go on with this when it is finished: {b}\n{a} Not before you know the outcome, {b}",
)
RESULT_SENTENCES = split(
    "The {k} is {v}.\n{k}: {v}\nFound the {k} {v}.\nDone. The {k} is {v}.\n{v} is the {k}.\nOK, {k} {v}",
    "We have {v} on file as {k}.\nMatch with {k} {v}",
)
RECORD_TOOLS = split(  # the request around a text whose record a tool takes
    """{x}
Extract the data: {x}
Extract the {n} from this text: {x}
Save this {n}: {x}
Text: {x}
Call the tool with the facts of this text.\\n{x}
{x}\\n\\nExtract the {n}.
Fill in a {n} from the following.\\n\\n{x}
Read this and record the {n}: {x}
Here is a message: {x} Take the {n} from it.
Extract structured information.\\n\\n{x}
Parse: {x}
What {n} does this text describe? {x}""",
    "Register what it says here as a {n}: {x}\nNote from a colleague: {x}\\nPass its {n} to the function.",
)
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
{v} {n}: {p}
Would you {v} the {n} {p}?
Will you {v} the {n} {p}?
I have to {v} the {n} {p}.
I'd like you to {v} the {n} {p}.
I'd like to {v} a {n} {p}.
Let's {v} a {n} {p}.
{v} one {n} {p}.
{v} that {n} {p}.
{v} our {n} {p}, please.
{p} please {v} the {n}.
My boss wants to {v} the {n} {p}.
A customer wants me to {v} the {n} {p}.
We want to {v} the {n} {p}.
Now {v} the {n} {p}.
Quickly {v} the {n} {p}.
Try to {v} the {n} {p}.
Make sure to {v} the {n} {p}.
The next step is to {v} the {n} {p}.
Is it possible to {v} the {n} {p}?
How do I {v} the {n} {p}?
What I need: {v} the {n} {p}.
{v} the following {n}: {p}
Hi, could you {v} the {n} {p}?
Next, {v} the {n} {p}.
Okay, {v} the {n} {p}.
Call the tool and {v} the {n} {p}.
Ask the system to {v} the {n} {p}.""",
    """Would you kindly {v} the {n} {p}?
Time to {v} the {n} {p}.
It would be nice if somebody could {v} the {n} {p}.
My task for you: {v} the {n} {p}.
Any chance to {v} a {n} {p}?""",
)
NOUN_REQUESTS = split(  # for tools that look something up
    """What is the {n} {p}?
What's the {n} {p}?
Show me the {n} {p}.
I need the {n} {p}.
Tell me the {n} {p}.
Do you have the {n} {p}?
Give me the {n} {p}.
Which {n} is there {p}?
{n} {p}?
I want to know the {n} {p}.
I'd like to know the {n} {p}.
Can you tell me the {n} {p}?
Could you give me the {n} {p}?
Who knows the {n} {p}?
What do you know about the {n} {p}?
Please give me the {n} {p}.
The {n} {p}, please.
Is there a {n} {p}?
What was the {n} {p}?
My question is: what is the {n} {p}?""",
    "I am after the {n} {p}.\nHow about the {n} {p}?",
)
LOOKUPS = {"get", "find", "fetch", "look_up", "show", "check", "read", "query"}
DESCRIPTIONS = split(
    """{v} a {n}.
{v} the {n}.
Use this to {v} a {n}.
A tool that can {v} the {n}.
{v} {n}
~
{v} a {n} of the user
Useful to {v} a {n}.
Call this to {v} the {n}.
{v} one {n} in our system.
{v} any {n}
{v}s the {n}.
{v}s a {n} and returns it
Tool to {v} a {n}
Function to {v} the {n}
Use it whenever the user wants to {v} a {n}.
{v} the {n} by its fields
Can {v} a {n}.
Helps to {v} the {n}
{v} an existing {n}
{v} the given {n}
Returns what came of it: {v} {n}""",
    "Lets you {v} one {n}.\nGood for when you want to {v} a {n}.",
)
JOINERS = split(
    """{a} {b}
{a} Also, {b}
{a} Also {b}
{a} Then {b}
{a} And {b}
{a} After that, {b}
{a}\\n{b}
{a} Next, {b}
1. {a}\\n2. {b}
Two things: {a} {b}
{a} Plus {b}
{a} Please also {b}
{a} In addition, {b}
{a} Second request: {b}
{a} And then {b}
{a} As well, {b}
{a} At the same time, {b}
First this: {a} Second: {b}
a) {a} b) {b}
- {a}\\n- {b}
I have two requests. {a} {b}
{a}\\n\\n{b}
{a} And one more thing: {b}
{a} I also have this: {b}
Do both: {a} {b}
{a} Finally, {b}
{a} Besides, {b}""",
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
    """The {k} is {v}.
{k}: {v}
It has the {k} {v}.
Its {k} is {v}.
{k} is {v}.
The {k} was {v}.
{k} = {v}
There is a {k}: {v}.
We have {v} as {k}.
{k} {v}
- {k}: {v}
The {k} of this one is {v}.
With the {k} {v}.
the {k} is {v}
The {k} will be {v}.
The {k} equals {v}.
The {k} reads {v}.
My {k} is {v}.
Our {k} is {v}.
Here is the {k}: {v}.
{v} is the {k}.
{v} is its {k}.
{v} ({k})
{k} ({v})
Someone set the {k} to {v}.
They gave {v} as {k}.
They call {v} the {k}.
{k}, {v}
{k} -> {v}
| {k} | {v} |
<{k}>{v}</{k}>
"{k}": "{v}"
As {k} we have {v}.
As {k} it shows {v}.
{v} as {k}
Under {k} it says {v}.
On the form the {k} is {v}.
{v} was given for the {k}.
The {k}, {v}, is correct.
It came with {v} as its {k}.
You can see the {k}, which is {v}.
Please note the {k} {v}.
I believe the {k} is {v}.
The {k} was changed to {v}.
* {k} = {v}""",
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
Parse this into JSON with {k}.\\n{x}
Extract the fields {k} from the text below and answer with JSON.\\n\\n{x}
Read the text and fill a JSON object with {k}.\\nText: {x}
{x}\\n\\nJSON object with {k}:
You extract data. Return a JSON object with {k}.\\n\\nText:\\n{x}
Text:\\n"{x}"\\n\\nReturn {k} as JSON.
Give {k} in JSON: {x}
Return only JSON. Keys: {k}. Text: {x}
Return a JSON object that has {k} for this: {x}
Write {k} as a JSON object. {x}
Collect {k} from the text. Output JSON.\\n{x}
From this text: {x}\\nget {k} as JSON
From the message below, extract {k}. Format: JSON.\\n\\n{x}
Message: {x}\\nFields to extract: {k}\\nAnswer in JSON:
Data: {x}\\nJSON keys: {k}\\nJSON:
{x} Extract {k}. JSON only.
Task: information extraction. Fields: {k}. Text: {x} Answer:
Look at this: {x}\\nMake JSON with {k} of it.
I want JSON with {k}. {x}
We store {k} of every message. Message: {x}\\nJSON:
Here is a text.\\n{x}\\nWhat are its {k}? Use JSON.
Create a JSON object ({k}) from: {x}
Please extract {k}.\\n{x}
Could you pull {k} out of this text as JSON? {x}
Structured output with {k}, please.\\n\\n{x}
Output format: JSON object with {k}\\nInput: {x}""",
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
Extract JSON for {x}\\nThe schema: {k}
{x}\\n\\nHere's a JSON schema to follow:\\n{k}\\n\\nOutput a valid JSON object but do not repeat the schema.
Extract what you can from this text: {x}\\n\\n\\nHere's a JSON schema to follow:\\n{k}\\n\\nOutput a valid JSON object but do not repeat the schema.\\n
Answer the user query.\\nThe output should be formatted as a JSON instance that conforms to the JSON schema below.\\n\\nHere is the output schema:\\n```\\n{k}\\n```\\n{x}
Output JSON for the schema below.\\n{k}\\n\\nInput:\\n{x}
The reply must be JSON valid under {k}. Text: {x}
Extract the fields of this schema from the text.\\nSchema: {k}\\nText: {x}
Text: {x}\\n\\nSchema: {k}\\n\\nReturn the object.
{k}\\nMake an object of this schema from the text: {x}
{x}\\nAnswer as JSON. The JSON schema is {k}
Structure this text by the schema {k}. {x}
You return JSON objects with this schema:\\n{k}\\nThe text is: {x}
Parse the message into the schema.\\n<schema>\\n{k}\\n</schema>\\n<message>\\n{x}\\n</message>""",
    "Fill this JSON schema from the note.\\n{k}\\nNote: {x}\nUsing the schema {k}, encode: {x}",
)
