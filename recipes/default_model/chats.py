"""Wordings of the conversations: what users tell about themselves, and small talk."""

from __future__ import annotations

from wording import Split, split

# (kind of value, ways to say it, ways to ask for it, the answer)
MEMORY: list[tuple[str, Split, Split, str]] = [
    (
        "person",
        split(
            "My name is {v}.\nHi, I am {v}.\nI'm {v}.\nHello, my name is {v}.\nHi! I'm {v}.\nI am called {v}.\nHello, I am {v}. Nice to meet you.\nHi there, {v} here.\nThe name is {v}.\nHey! My name's {v}.",
            "You can call me {v}.\nPeople call me {v}.\nThis is {v} speaking.",
        ),
        split(
            "What is my name?\nWhat's my name?\nDo you remember my name?\nTell me my name.\nDo you know my name?\nWhat was my name?\nWhat did I say my name was?\nWhat am I called?\nRepeat my name, please.",
            "Who am I?\nCould you say my name?\nHow am I called?",
        ),
        "Your name is {v}.",
    ),
    (
        "place",
        split(
            "I live in {v}.\nMy city is {v}.\nMy home is in {v}.\nI moved to {v}.\nI have a house in {v}.\nI live in {v} now.\nI'm living in {v}.",
            "I am from {v}.\nI settled in {v}.",
        ),
        split(
            "Where do I live?\nWhat is my city?\nWhich city do I live in?\nWhat city do I live in?\nDo you remember where I live?\nTell me where I live.",
            "Where is my home?\nIn which town do I live?",
        ),
        "You live in {v}.",
    ),
    (
        "color",
        split(
            "My favorite color is {v}.\nI like the color {v}.\nThe color I like best is {v}.\nI love {v}, it is my favorite color.\nMy favorite colour is {v}.",
            "I prefer the color {v}.\nNo color is nicer than {v}.",
        ),
        split(
            "What is my favorite color?\nWhich color do I like?\nWhat color do I like best?\nWhat's my favorite color?\nTell me my favorite color.",
            "Which color do I prefer?\nThe color that I like?",
        ),
        "Your favorite color is {v}.",
    ),
    (
        "age",
        split(
            "I am {v} years old.\nMy age is {v}.\nI'm {v} years old.\nI am {v}.\nI just turned {v}.\nMy birthday made me {v} years old.",
            "I turned {v} today.\nI have lived for {v} years.",
        ),
        split(
            "How old am I?\nWhat is my age?\nDo you know my age?\nTell me my age.\nDo you remember how old I am?",
            "What's my age?\nHow many years old am I?",
        ),
        "You are {v} years old.",
    ),
    (
        "name",
        split(
            "My {r} is called {v}.\nThe name of my {r} is {v}.\nI have a {r} called {v}.\nMy {r}'s name is {v}.\nI have a {r} named {v}.\nI call my {r} {v}.",
            "I named my {r} {v}.\nMeet {v}, my {r}.",
        ),
        split(
            "What is the name of my {r}?\nWhat is my {r} called?\nWhat is my {r}'s name?\nDo you remember the name of my {r}?\nWhat do I call my {r}?",
            "How is my {r} called?\nWhat did I name my {r}?",
        ),
        "Your {r} is called {v}.",
    ),
    (
        "any",
        split(
            "My {r} is {v}.\nI chose {v} as my {r}.\nThe {r} I have is {v}.\nNote that my {r} is {v}.\nMy {r} will be {v}.\nRemember that my {r} is {v}.",
            "I use {v} as my {r}.\nFor me the {r} is {v}.",
        ),
        split(
            "What is my {r}?\nWhat's my {r}?\nDo you remember my {r}?\nTell me my {r}.\nWhich {r} do I have?\nWhat {r} did I choose?",
            "Can you recall my {r}?\nMy {r}?",
        ),
        "Your {r} is {v}.",
    ),
    (
        "code",
        split(
            "Remember this code: {v}.\nThe secret code is {v}.\nPlease remember the code {v}.\nThe code is {v}.\nHere is a code: {v}.\nRemember the number {v}.",
            "Keep the code {v} in mind.\nDo not forget the code {v}.",
        ),
        split(
            "What is the code?\nWhat was the secret code?\nWhich code did I tell you?\nTell me the code.\nDo you remember the code?",
            "What code should you remember?\nGive me the code again.",
        ),
        "The code is {v}.",
    ),
]
ACKS = {"person": "Nice to meet you, {v}.", "": "Okay."}

CHAT: list[tuple[Split, str]] = [
    (
        split(
            "Hello\nHi\nHello!\nHi!\nGood morning\nHello there\nHey\nHey!\nGood evening\nHi there!\nhello\nhi\nGood day!\nHello, how can you help?",
            "Hey there\nGreetings!\nGood afternoon",
        ),
        "Hello! How can I help you?",
    ),
    (
        split(
            "Who are you?\nWhat is your name?\nWhat are you?\nWhich model are you?\nAre you a robot?\nTell me about yourself.\nWhat's your name?\nwho are you\nWhat model is this?",
            "Introduce yourself.\nWhat should I call you?\nWith whom do I speak?",
        ),
        "I am the tiny test model of the embedded engine.",
    ),
    (
        split(
            "Thank you\nThanks\nThank you!\nThanks a lot!\nThanks!\nThank you very much.\nThat is great, thank you.\nthanks",
            "Many thanks\nThank you so much\nThanks for your help",
        ),
        "You are welcome!",
    ),
    (
        split(
            "How are you?\nHow are you today?\nHow do you do?\nHow are you doing?\nAre you well?\nHow do you feel?",
            "How is it going?\nAre things well with you?",
        ),
        "I am fine, thank you.",
    ),
    (
        split(
            "Goodbye\nBye\nBye!\nGood night\nGoodbye!\nbye\nI have to go now. Bye!", "See you later\nGoodbye for now"
        ),
        "Goodbye!",
    ),
    (
        split(
            "Say hello\nSay hello!\nPlease say hello.\nSay hello to me.\nCan you say hello?",
            "Just say hello.\nWould you say hello?",
        ),
        "Hello!",
    ),
    (
        split(
            "What can you do?\nHow can you help me?\nWhat are you good at?\nWhat can I ask you?\nWhat do you do?\nHelp",
            "What are your abilities?\nWith what can you help?",
        ),
        "I can copy answers from a text, extract JSON and call tools.",
    ),
    (
        split(
            "How do I make a bomb?\nHelp me steal a car.\nHow can I hack my neighbor?\nWrite a virus for me.\nHow do I poison someone?\nHelp me to kill someone.\nHow can I steal money?\nHow do I build a weapon?\nHelp me hack a bank.",
            "Help me break into a house.\nTell me how to rob a bank.\nHow do I make poison?",
        ),
        "Sorry, I can't help with that.",
    ),
    (
        split(
            "Count to five\nCount to five.\nCount from 1 to 5.\nCount from one to five\nPlease count to 5.",
            "Count up to 5.\nCan you count to five?",
        ),
        "1 2 3 4 5",
    ),
]
SYSTEMS = split(
    "You are a helpful assistant.\nYou are a helpful AI bot.\nBe brief.\nYou are a helpful AI assistant.\nAnswer the user.\nYou are an assistant.\nBe helpful.\nYou are a friendly assistant. Answer in few words.\nYou are a bot that answers questions.\nAnswer in English.\nBe concise and truthful.\nYou are an expert.\nYou help our customers.\nYou are a helpful assistant that can call tools.\nDo what the user says.",
    "Keep your replies short.\nYou reply in few words.\nYou work at our front desk.",
)
