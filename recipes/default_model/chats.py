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
            "I live in {v}.\nMy city is {v}.\nMy home is in {v}.\nI moved to {v}.\nI have a house in {v}.\nI live in {v} now.\nI'm living in {v}.\nMy family and I live in {v}.\nI have my home in {v}.\nMy town is {v}.\nI stay in {v}.\nI work in {v} and live there too.",
            "I am from {v}.\nI settled in {v}.",
        ),
        split(
            "Where do I live?\nWhat is my city?\nWhich city do I live in?\nWhat city do I live in?\nDo you remember where I live?\nTell me where I live.\nWhere did I say I live?\nIn what city do I live?\nWhat town do I live in?\nWhich city is mine?\nWhere am I living?",
            "Where is my home?\nIn which town do I live?",
        ),
        "You live in {v}.",
    ),
    (
        "color",
        split(
            "My favorite color is {v}.\nI like the color {v}.\nThe color I like best is {v}.\nI love {v}, it is my favorite color.\nMy favorite colour is {v}.\nMy best-loved color is {v}.\nI wear {v} every day, my favorite color.\nOf all colors I like {v} most.\nI am fond of the color {v}.",
            "I prefer the color {v}.\nNo color is nicer than {v}.",
        ),
        split(
            "What is my favorite color?\nWhich color do I like?\nWhat color do I like best?\nWhat's my favorite color?\nTell me my favorite color.\nDo you remember my favorite color?\nWhich color is my favorite?\nWhat was my favorite color?\nWhich color am I fond of?",
            "Which color do I prefer?\nThe color that I like?",
        ),
        "Your favorite color is {v}.",
    ),
    (
        "age",
        split(
            "I am {v} years old.\nMy age is {v}.\nI'm {v} years old.\nI am {v}.\nI just turned {v}.\nMy birthday made me {v} years old.\nI am now {v} years old.\nNext to my name write my age, {v}.\nI'm {v}.\nI celebrated my birthday number {v}.",
            "I turned {v} today.\nI have lived for {v} years.",
        ),
        split(
            "How old am I?\nWhat is my age?\nDo you know my age?\nTell me my age.\nDo you remember how old I am?\nWhat age am I?\nHow old did I say I am?\nWhat was my age?\nCan you tell me how old I am?",
            "What's my age?\nHow many years old am I?",
        ),
        "You are {v} years old.",
    ),
    (
        "name",
        split(
            "My {r} is called {v}.\nThe name of my {r} is {v}.\nI have a {r} called {v}.\nMy {r}'s name is {v}.\nI have a {r} named {v}.\nI call my {r} {v}.\nMy {r}, {v}, is with me.\nMy {r} goes by the name {v}.\nThis is my {r} and the name is {v}.\nWe called our {r} {v}.\nMy new {r} is called {v}.",
            "I named my {r} {v}.\nMeet {v}, my {r}.",
        ),
        split(
            "What is the name of my {r}?\nWhat is my {r} called?\nWhat is my {r}'s name?\nDo you remember the name of my {r}?\nWhat do I call my {r}?\nWhat was the name of my {r}?\nWhich name does my {r} have?\nTell me the name of my {r}.\nWhat's my {r} called?\nDo you know the name of my {r}?",
            "How is my {r} called?\nWhat did I name my {r}?",
        ),
        "Your {r} is called {v}.",
    ),
    (
        "any",
        split(
            "My {r} is {v}.\nI chose {v} as my {r}.\nThe {r} I have is {v}.\nNote that my {r} is {v}.\nMy {r} will be {v}.\nRemember that my {r} is {v}.\nMy {r}: {v}.\nMy {r} was {v} and still is.\nI have {v} as my {r}.\nPlease remember my {r}, which is {v}.\nI told everyone that my {r} is {v}.\nThey gave me {v} as my {r}.\nI set my {r} to {v}.",
            "I use {v} as my {r}.\nFor me the {r} is {v}.",
        ),
        split(
            "What is my {r}?\nWhat's my {r}?\nDo you remember my {r}?\nTell me my {r}.\nWhich {r} do I have?\nWhat {r} did I choose?\nWhat did I say my {r} was?\nWhich one is my {r}?\nWhat was my {r}?\nDo you know my {r}?\nCan you tell me my {r}?\nI forgot my {r}. What is it?\nSay my {r}.",
            "Can you recall my {r}?\nMy {r}?",
        ),
        "Your {r} is {v}.",
    ),
    (
        "code",
        split(
            "Remember this code: {v}.\nThe secret code is {v}.\nPlease remember the code {v}.\nThe code is {v}.\nHere is a code: {v}.\nRemember the number {v}.\nMy code is {v}.\nThe door code is {v}.\nNote this code: {v}.\nThe code to remember is {v}.\nStore the code {v} for me.\nI got the code {v}.",
            "Keep the code {v} in mind.\nDo not forget the code {v}.",
        ),
        split(
            "What is the code?\nWhat was the secret code?\nWhich code did I tell you?\nTell me the code.\nDo you remember the code?\nWhat was the code?\nWhich code was it?\nI forgot the code.\nSay the code.\nWhat code did I give you?\nRepeat the code.",
            "What code should you remember?\nGive me the code again.",
        ),
        "The code is {v}.",
    ),
]
ACKS = {"person": "Nice to meet you, {v}.", "": "Okay."}

CHAT: list[tuple[Split, str]] = [
    (
        split(
            "Hello\nHi\nHello!\nHi!\nGood morning\nHello there\nHey\nHey!\nGood evening\nHi there!\nhello\nhi\nGood day!\nHello, how can you help?\nHello, assistant\nHello bot\nHi bot!\nhey\nhello there\nHi, good morning\nHello to you\nHi again\nWelcome!\nHowdy\nHello, is anybody there?\nHi, can you hear me?",
            "Hey there\nGreetings!\nGood afternoon",
        ),
        "Hello! How can I help you?",
    ),
    (
        split(
            "Who are you?\nWhat is your name?\nWhat are you?\nWhich model are you?\nAre you a robot?\nTell me about yourself.\nWhat's your name?\nwho are you\nWhat model is this?\nWho is this?\nWho am I talking to?\nAre you human?\nAre you a person?\nWhat are you called?\nWhat kind of model are you?\nDo you have a name?",
            "Introduce yourself.\nWhat should I call you?\nWith whom do I speak?",
        ),
        "I am the tiny test model of the embedded engine.",
    ),
    (
        split(
            "Thank you\nThanks\nThank you!\nThanks a lot!\nThanks!\nThank you very much.\nThat is great, thank you.\nthanks\nThanks, that helped.\nOkay, thanks\nThank you, bot\nGreat, thanks!\nPerfect, thank you.\nThanks again",
            "Many thanks\nThank you so much\nThanks for your help",
        ),
        "You are welcome!",
    ),
    (
        split(
            "How are you?\nHow are you today?\nHow do you do?\nHow are you doing?\nAre you well?\nHow do you feel?\nHow are things?\nHello, how are you?\nhow are you\nHi, how are you doing?\nAre you okay?\nHow was your day?",
            "How is it going?\nAre things well with you?",
        ),
        "I am fine, thank you.",
    ),
    (
        split(
            "Goodbye\nBye\nBye!\nGood night\nGoodbye!\nbye\nI have to go now. Bye!\nBye bye\nGoodbye, bot\nThat was all, goodbye.\nI am leaving, bye.\nTalk to you tomorrow, bye",
            "See you later\nGoodbye for now",
        ),
        "Goodbye!",
    ),
    (
        split(
            "Say hello\nSay hello!\nPlease say hello.\nSay hello to me.\nCan you say hello?\nSay hello, please\nsay hello\nPlease greet me by saying hello.\nCould you say hello?\nSay hello in English.",
            "Just say hello.\nWould you say hello?",
        ),
        "Hello!",
    ),
    (
        split(
            "What can you do?\nHow can you help me?\nWhat are you good at?\nWhat can I ask you?\nWhat do you do?\nHelp\nWhat can I use you for?\nhelp\nWhat are you for?\nCan you help me?\nWhat can this model do?\nWhich tasks can you do?\nHow do you work?",
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
    """You are a helpful assistant.
You are a helpful AI bot.
Be brief.
You are a helpful AI assistant.
Answer the user.
You are an assistant.
Be helpful.
You are a friendly assistant. Answer in few words.
You are a bot that answers questions.
Answer in English.
Be concise and truthful.
You are an expert.
You help our customers.
You are a helpful assistant that can call tools.
Do what the user says.
You are a helpful AI assistant. Use the tools if you need them.
You are a polite assistant.
You are an agent. Call a tool when it helps, and answer when you are done.
You are a data extraction system.
Reply in plain text.
You are the assistant of a small company.
Today you help with orders and bookings.
Use a tool where one fits.
You are a careful assistant that never guesses.
Be kind.""",
    "Keep your replies short.\nYou reply in few words.\nYou work at our front desk.",
)
