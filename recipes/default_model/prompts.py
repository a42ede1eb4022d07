"""Prompts around the tasks: frames for context questions, and how each of the small tasks is asked for."""

from __future__ import annotations

from wording import split, words

IDK = "I don't know."
DONT = "If you don't know the answer, just say that you don't know"
LI_SYSTEM = (
    "You are an expert Q&A system that is trusted around the world.\nAlways answer the query using the provided context "
    "information, and not prior knowledge.\nSome rules to follow:\n1. Never directly reference the given context in your "
    "answer.\n2. Avoid statements like 'Based on the context, ...' or 'The context information ...' or anything along those lines."
)
# Frames: {c} is the context, {q} the question; what stands before || is the system prompt.  The first lines are the defaults of
# LangChain and LlamaIndex (both MIT), because users send exactly those.
QA_FRAMES = split(
    f"""Use the following pieces of context to answer the question at the end. {DONT}, don't try to make up an answer.\\n\\n{{c}}\\n\\nQuestion: {{q}}\\nHelpful Answer:
Context information is below.\\n---------------------\\n{{c}}\\n---------------------\\nGiven the context information and not prior knowledge, answer the query.\\nQuery: {{q}}\\nAnswer:␣
You are an assistant for question-answering tasks. Use the following pieces of retrieved context to answer the question. {DONT}. Use three sentences maximum and keep the answer concise.\\nQuestion: {{q}} \\nContext: {{c}} \\nAnswer:
Use the following pieces of context to answer the user's question.\\n{DONT}, don't try to make up an answer.\\n----------------\\n{{c}}||{{q}}
You are an assistant for question-answering tasks. Use the following pieces of retrieved context to answer the question. {DONT}. Use three sentences maximum and keep the answer concise.\\n\\n{{c}}||{{q}}
{LI_SYSTEM.replace(chr(10), chr(92) + "n")}||Context information is below.\\n---------------------\\n{{c}}\\n---------------------\\nGiven the context information and not prior knowledge, answer the query.\\nQuery: {{q}}\\nAnswer:␣
Context information from multiple sources is below.\\n---------------------\\n{{c}}\\n---------------------\\nGiven the information from multiple sources and not prior knowledge, answer the query.\\nQuery: {{q}}\\nAnswer:␣
Context: {{c}}\\n\\nQuestion: {{q}}\\nAnswer:
Context: {{c}}\\nQuestion: {{q}}\\nAnswer:
Context:\\n{{c}}\\n\\nQuestion: {{q}}\\n\\nAnswer:
{{c}}\\n\\nQ: {{q}}\\nA:
Answer the question based only on the following context:\\n{{c}}\\n\\nQuestion: {{q}}\\n
{{c}}\\n{{q}}
{{c}}\\n\\n{{q}}
{{q}}\\n\\nUse this text:\\n{{c}}
Answer from the context. Say "I don't know." if it is not there.||<context>\\n{{c}}\\n</context>\\n\\n{{q}}
Text: \"\"\"{{c}}\"\"\"\\nBased on the text above, {{q}}
You are a helpful assistant. Knowledge base:\\n{{c}}||{{q}}
Documents:\\n{{c}}\\n\\nUser question: {{q}}\\nShort answer:
Please answer: {{q}}\\nThe facts are: {{c}}
Read this. {{c}} Tell me: {{q}}
I will give you a text and ask about it.\\n\\n{{c}}\\n\\nMy question: {{q}}
You answer questions about our documents.\\n\\n{{c}}||Question: {{q}}
{{c}}\\n\\nGiven this, {{q}}
Facts:\\n{{c}}\\n\\nPrompt: {{q}}\\nReply:
The following is a friendly conversation between a user and an AI assistant.\\n  The assistant is talkative and provides lots of specific details from its context.\\n  If the assistant does not know the answer to a question, it truthfully says it\\n  does not know.\\n\\n  Here are the relevant documents for the context:\\n\\n  {{c}}\\n\\n  Instruction: Based on the above documents, provide a detailed answer for the user question below.\\n  Answer "don't know" if not present in the document.||{{q}}
Use the context information below to assist the user.\\n--------------------\\n{{c}}\\n--------------------||{{q}}
Answer any use questions based solely on the context below:\\n\\n<context>\\n{{c}}\\n</context>||{{q}}
Context information is below.\\n--------------------\\n{{c}}\\n--------------------||{{q}}
You are a support agent. Here is our handbook:\\n\\n{{c}}\\n\\nAnswer only from the handbook.||{{q}}
Search results:\\n{{c}}\\n\\nAnswer the user with the search results only.\\nUser: {{q}}\\nAssistant:
A user asks: {{q}}\\nThese search results may help:\\n{{c}}\\nGive the short answer.
<documents>\\n{{c}}\\n</documents>\\n<question>{{q}}</question>\\n<answer>
Our wiki says: {{c}} So, {{q}}
We keep these records.\\n\\n{{c}}\\n\\nA customer calls and asks: {{q}}\\nWhat do you tell the customer?
Memo:\\n{{c}}\\n\\nReader: {{q}}\\nWriter:
{{q}} Answer with the help of this page: {{c}}
Please read what follows and then answer one question.\\n\\n{{c}}\\n\\nThe question: {{q}}
Here are some lines from a report:\\n\\n{{c}}\\n\\nYour job is to answer this: {{q}}
Using nothing but the report below, answer: {{q}}\\n\\nReport: {{c}}
Hello! I have this letter: {{c}}\\nMy boss wants to know: {{q}}
The chat history is empty. Retrieved:\\n{{c}}\\n\\nLatest user message: {{q}}""",
    """Read the passage and reply to the question that follows it.\\nPassage: {c}\\nMy question is: {q}
You have access to these notes:\\n{c}\\nRely on them and nothing else.||{q}
Here is what we know. {c} Now, {q}
### Documents\\n{c}\\n\\n### User request\\n{q}\\n\\n### Response\\n
Study these documents:\\n<docs>\\n{c}\\n</docs>\\nThen respond to: {q}
I found these snippets.\\n{c}\\nWith them in mind: {q}
Below is an excerpt from our wiki.\\n\\n{c}\\n\\nSomebody wonders: {q}
MATERIAL\\n{c}\\nINQUIRY\\n{q}\\nOUTCOME\\n
Somebody sent me this:\\n"{c}"\\nCan you help me? {q}""",
)
# frames that are put together from parts
ORDERS = split(
    """Answer the question using the context.
Use the text to answer.
Answer the question about the following text.
Answer briefly.
Read the text and answer.
Use only the information given here.
Given the following information, answer the question.
Below is some context, followed by a question.
Answer truthfully from the context, and say "I don't know." otherwise.
Use the context below to help the user.
You will get a context and a question about it.
Please reply with a short answer.
If the answer is not in the text, say that you don't know.
Find the answer in the documents.
The following text may contain the answer.
Keep the answer short and use the facts.
Reply from the documents alone.
Be exact and brief.
Give only the answer.
Do not make anything up.
Answer in as few words as you can.
You are given some records and a question.
Consult the records before you answer.
Help a reader who has only this page.
Say "I don't know." if the records are silent about it.
Quote the fact that is asked for.
This is an open book test.
Take the answer from the lines given.
The user wants one fact.
No explanations, only the answer.""",
    """Look through the material and respond.
Be so kind as to solve this with the help of the lines below.
Everything you need is right here.""",
)
CONTEXT_LABELS = split(
    """Context
Text
Notes
Documents
Information
Facts
Knowledge
Source
Article
Data
context
Input
Background
Document
Retrieved context
Relevant facts
CONTEXT
Report
Records
Handbook
Page
Search results
Results
Wiki
Memo
Content
Transcript
Paragraph
Knowledge base
Context information
Sources
References
Details
Body""",
    "Excerpt\nMaterial\nSnippets\nPage content",
)
QUESTION_LABELS = split(
    """Question
Q
Query
User
Human
User question
question
The question
Prompt
My question
Input question
QUESTION
Ask
Request
Customer
Reader
User query
Message
User message
Latest question
Problem
Student
Human question
Follow-up""",
    "Inquiry\nClient\nTask for you",
)
ANSWER_LABELS = split(
    """Answer
A
Reply
Assistant
Response
Short answer
answer
Helpful Answer
Final answer
The answer
AI
ANSWER
Result
Output
Bot
Agent
Teacher
Your answer
Exact answer
Completion
Final Answer
Support
Brief answer""",
    "Solution\nVerdict\nOutcome",
)
ASK_FIRST = split(
    """Please tell me:
According to the text,
Quick question:
Based on the context,
Please answer:
From the notes:
I want to know:
Hey,
So
Okay,
One more question:
Now tell me,
In short,
My boss asks:
Going by the report,
For the record:
And
Also,
Next question:
From what you have read,
Sorry to ask again,
Before I forget:""",
    "I was wondering,\nJust out of interest:",
)
SEPARATORS = [" ", " ", " ", "\n", "\n\n", "\n---\n", "\n- ", "\n\n"]
CHUNK_HEADS = split(
    """~
[{i}]␣
Document {i}:␣
<{i}>␣
({i})␣
~
Source: {f}\\n
# {f}\\n
page_label: {i}\\nfile_path: {f}\\n\\n
{i}.␣
### {i}\\n
Chunk {i}:␣
Source {i}:\\n
[Document {i}]\\n
Title: {f}\\nContent:␣
File {f}:␣
--- {f} ---\\n
Result {i}:\\n
Page {i}.␣""",
    "Passage {i}\\n\nItem no. {i} --␣",
)
REFINE_FRAMES = split(
    """The original query is as follows: {q}\\nWe have provided an existing answer: {a}\\nWe have the opportunity to refine the existing answer (only if needed) with some more context below.\\n------------\\n{c}\\n------------\\nGiven the new context, refine the original answer to better answer the query. If the context isn't useful, return the original answer.\\nRefined Answer:␣
You are an expert Q&A system that strictly operates in two modes when refining existing answers:\\n1. **Rewrite** an original answer using the new context.\\n2. **Repeat** the original answer if the new context isn't useful.\\nNever reference the original answer or context directly in your answer.\\nWhen in doubt, just repeat the original answer.\\nNew Context: {c}\\nQuery: {q}\\nOriginal Answer: {a}\\nNew Answer:␣
Question: {q}\\nCurrent answer: {a}\\nMore context: {c}\\nImprove the answer if the context helps, else repeat it.\\nAnswer:
Context: {c}\\nQuestion: {q}\\nOld answer: {a}\\nNew answer:
We have this answer: {a}\\nIt was given to: {q}\\nUse the new text if it helps: {c}
Refine the answer.\\n\\nQuestion: {q}\\n\\nExisting answer: {a}\\n\\nNew information:\\n{c}
Query: {q}\\nDraft: {a}\\n\\nHere is another document:\\n{c}\\n\\nFinal answer:
First answer: {a}\\nAsked was: {q}\\nNow this page came in:\\n{c}\\nKeep or correct the first answer.\\nAnswer:
A reader asked: {q}\\nWe replied: {a}\\nThen we found this text: {c}\\nWhat is the right reply now?
{q}\\nAnswer so far: {a}\\nAdditional document: {c}\\nUpdated answer:
You correct answers when new records say more, else you leave them as they are.\\nRecords: {c}\\nQuestion: {q}\\nAnswer before: {a}\\nAnswer now:
Existing answer: {a}\\nNew text: {c}\\nFor the question "{q}", give the better answer.""",
    """We asked: {q}\\nSo far the answer is: {a}\\nHere is extra material: {c}\\nGive the final answer:
My colleague was asked "{q}" and said: {a}\\nLook at this too and correct it where needed.\\n{c}""",
)

POLITE = split(
    """~
~
~
~
Please␣
Can you please␣
Now␣
Could you␣
Hey,␣
Okay.␣
Hello.␣
Next:␣
Test:␣
First,␣""",
    "Kindly␣\nWould you mind to␣",
)
REPEAT = split(
    """Repeat after me: {x}
Say: {x}
Echo this: {x}
Repeat: {x}
Say "{x}"
Reply with exactly: {x}
Copy this text: {x}
Repeat the following text:\\n{x}
Reply with only this: {x}
Answer with the text "{x}".
Echo: {x}
Echo the following: {x}
{x}\\n\\nRepeat the text above.
Respond with: {x}
Return this text unchanged: {x}
Repeat these words: {x}
Just say {x}
Say this back to me: {x}
Tell me exactly this: {x}
Output the following and nothing else:\\n{x}
Repeat this sentence: {x}
Write this: {x}
Reply with exactly the word {x}
Reply with the word {x} and nothing else.
Reply only with {x}
Answer with exactly "{x}"
Answer with {x} only.
Your whole reply must be: {x}
Return exactly this: {x}
Return {x}
Respond with exactly: {x}
Respond with only "{x}".
Respond only with the words {x}
Say exactly {x}
Say only "{x}".
Say the following: {x}
Please say: {x}
Let me hear: {x}
I want you to answer: {x}
Just answer {x}
Give me back this line: {x}
Give back: {x}
Speak after me: {x}
Reply: {x}
Your answer should be {x}
Please answer with the phrase "{x}"
Reproduce this text: {x}
Make no changes and return: {x}
Put this in your reply: {x}
The right reply is: {x}
Read this back: {x}
Text: {x}\\nReturn the text as it is.
"{x}"\\nSay that again.
{x}\\nReply with the line above.
Copy exactly:\\n{x}
Echo back {x}""",
    """Write out: {x}
Send back this text: {x}
Print {x}
Type {x}
Quote this word for word: {x}
Mirror my message: {x}""",
)
SUMMARY = split(
    """Summarize in one sentence: {x}
Write a summary of the following. Try to use only the information provided. Try to include as many key details as possible.\\n\\n\\n{x}\\n\\n\\nSUMMARY:\"\"\"\\n
Write a concise summary of the following:\\n\\n\\n"{x}"\\n\\n\\nCONCISE SUMMARY:
Summarize: {x}
Give a short summary of this text:\\n\\n{x}
TL;DR of this text: {x}
{x}\\n\\nSummarize the text above.
Summarize this text.\\n\\nText: {x}\\n\\nSummary:
Write a one-sentence summary of the text:\\n{x}
{x}\\nTL;DR:
Sum this up: {x}
Make a short summary.\\n{x}
Please summarize this: {x}
Summarise the following text.\\n{x}
Provide a summary: {x}
Provide a brief summary of the text below.\\n\\n{x}
Summary of the following, please: {x}
Can you summarize this for me? {x}
Could you give me a summary of this report?\\n{x}
I have no time to read this. Summarize it: {x}
Text:\\n{x}\\n\\nOne-sentence summary:
Article: {x}\\nSummary:
Summarize the article.\\nArticle: {x}
{x}\\n\\nWrite a summary.
{x}\\n\\nSummary:
{x}\\nIn one sentence:
Condense this text: {x}
Condense the following into one line.\\n{x}
Give me the gist: {x}
What is the gist of this? {x}
Tell me briefly what this text is about: {x}
What is this text about? {x}
What does the text say, in short?\\n{x}
State the key message of this text: {x}
Give the most important sentence of this text.\\n{x}
Write one sentence that sums up this page:\\n{x}
Make this shorter: {x}
Compress this into one sentence: {x}
Reduce this to its core.\\n{x}
Here is a document.\\n\\n{x}\\n\\nA short summary of it is:
Document:\\n{x}\\n\\nAbstract:
Write an abstract: {x}
Write a headline sentence for this: {x}
My notes: {x}\\nSummarize my notes.
You are an expert in summaries. Summarize this text:\\n------------\\n{x}\\n------------\\nSUMMARY:
Please provide a concise summary in one sentence.\\n\\n"{x}"
Short version, please: {x}
Long text: {x}\\nShort text:
Summarize the conversation notes below.\\n{x}
Summarize this for a busy reader. {x}
Read the following and summarize it in one line: {x}
Recap: {x}
Give a quick recap of this: {x}""",
    """Shorten this to a single sentence:\\n{x}
What is the main point here? {x}
In a few words, what does this say? {x}
Boil it down for me: {x}""",
)
LISTS = {
    "- ": split(
        "List these as bullet points: {x}\nMake a bullet list of {x}.\nWrite as bullets: {x}\nBullet points please: {x}\nWrite {x} as a bulleted list.\nPut {x} into bullet points.\n{x}\\nMake bullets of these.\nFormat as bullet points: {x}\nGive me a bulleted list of {x}.\nBullets: {x}\nWrite a list with one bullet for each of {x}.\nUse bullet points for {x}.\nItems: {x}\\nList them with a dash in front.\nAnswer with a bullet list. The items are {x}.\n{x}, as bullets\nPlease bullet these: {x}\nList {x}, one per line, each after a dash.\nCan you list {x} as bullet points?\nMarkdown list of {x}\nOne bullet for each: {x}",
        "Turn {x} into bullet points.\nShow {x} as bullets.\nI want {x} in bullet form.",
    ),
    "1. ": split(
        "Make a numbered list of {x}.\nNumber these items: {x}\nWrite as a numbered list: {x}\nGive a numbered list: {x}\nList with numbers: {x}\nNumber {x} from 1.\n{x}\\nMake a numbered list of these.\nFormat as a numbered list: {x}\nGive each of {x} a number.\nWrite {x} as numbered items.\nNumbered list: {x}\nItems: {x}\\nList them by number.\nAnswer with a numbered list. The items are {x}.\n{x}, numbered\nPlease number these: {x}\nList {x}, one per line, with 1., 2. and so on.\nCan you list {x} as a numbered list?\nOrdered list of {x}\nOne number for each: {x}\nList {x} in order with numbers.",
        "Put {x} in a numbered list.\nEnumerate {x}.\nI want {x} with numbers in front.",
    ),
    "[": split(
        "Write {x} as a JSON list.\nReturn a JSON array of {x}.\nJSON list of these: {x}\nAs a JSON array: {x}\nFormat as a JSON list: {x}\n{x}\\nMake a JSON array of these.\nGive a JSON list of {x}.\nTurn into a JSON array: {x}\nMake {x} a JSON array.\nJSON array with {x}\nItems: {x}\\nAnswer with a JSON list.\nReturn these as a JSON list: {x}\nPut {x} in a JSON array.\nOutput a JSON array: {x}\n{x}, as JSON\nPlease write a JSON list with {x}.\nA list in JSON of {x}\nCan you make a JSON array of {x}?\nReply with a JSON array. The items are {x}.\nEncode {x} as a JSON list.",
        "Convert {x} to a JSON array.\nGive me a JSON list with {x}.\nI need {x} as JSON in brackets.",
    ),
}
POSITIVE = words(
    "great good wonderful amazing excellent lovely fantastic nice superb delightful happy best enjoyable pleasant beautiful awesome impressive incredible fun terrific outstanding love charming superior charming helpful friendly fresh exciting satisfying reliable comfortable remarkable magnificent",
    "perfect brilliant marvelous splendid",
)
NEGATIVE = words(
    "bad terrible awful poor boring disappointing broken useless worst sad ugly annoying nasty rude dirty cheap weak dull unpleasant hate mediocre pathetic noisy annoyed defective bland unfriendly stale tiring unreliable uncomfortable ridiculous miserable faulty",
    "horrible slow dreadful lousy",
)
THINGS = "movie book product service food hotel phone song game app film restaurant room staff screen story meal trip car".split()
OPINIONS = split(
    """This {t} is {w}.
I think the {t} was {w}.
What a {w} {t}!
The {t} is really {w}.
{w} {t}
My {t} turned out {w}.
The {t} was so {w}.
A {w} {t}, really.
We had a {w} {t}.
The {t} looks {w} to me.
I found the {t} {w}.
Very {w} {t}.
Our {t} was {w}.
{w}, this {t}.
The {t} has been {w} from the start.
You get a {w} {t} there.
I must say the {t} is {w}.
All in all the {t} was {w}.
It is a {w} {t}.
That {t} was just {w}!
They sold us a {w} {t}.
My friends say the {t} is {w}.
For me the {t} was {w}.
The {t} seemed {w}.""",
    "Such a {w} {t}.\nHonestly, a {w} {t} overall.\nNever saw a {t} so {w}.",
)
SENTIMENT = split(
    """Is the sentiment positive or negative? {x}
Classify the sentiment as positive or negative: {x}
Text: {x}\\nSentiment (positive or negative):
Answer with one word, positive or negative. {x}
What is the sentiment, positive or negative? {x}
Label the review as positive or negative.\\nReview: {x}\\nLabel:
{x}\\nIs this positive or negative?
Classify the text into negative or positive.\\nText: {x}\\nSentiment:
Positive or negative? {x}
Tell me if this is positive or negative: {x}
Review: {x}\\nAnswer positive or negative.
Sentiment analysis. Labels: positive, negative. Text: {x}
Say "positive" or "negative" for this text: {x}
Rate the text as positive or as negative. {x}
Customer feedback: {x}\\nIs the feedback positive or negative?
{x}\\nSentiment:
What is the sentiment of this text? {x}
Is the writer's opinion positive or negative? {x}
Return the sentiment (positive or negative) of: {x}""",
    "Does this sound positive or negative? {x}\nIs this remark positive or negative: {x}\nDecide between positive and negative. {x}",
)
CHOICES = split(
    """Answer with one of: {o}.\\n{x}
Choose one of these labels: {o}.\\nText: {x}\\nLabel:
{x}\\nWhich of these is it: {o}?
Classify the text as one of [{o}]. Text: {x}
Categories: {o}\\nText: {x}\\nCategory:
Choose the right label ({o}).\\n{x}
Classify this text. Labels: {o}. Text: {x}
Choose from {o}: {x}
Possible answers: {o}\\n{x}\\nAnswer:
{x}\\nClassify as {o}.
Which one of {o} fits? {x}
Select one option from: {o}.\\n\\n{x}
Assign one label out of {o} to this text: {x}
Labels: {o}\\n{x}\\nLabel:
Route this message to one of the teams {o}. Message: {x}
The possible classes are {o}. Which class is this? {x}
Tag this message with one of {o}.\\n\\n{x}
Message: {x}\\nTopics: {o}\\nTopic:
Intent detection. Intents: {o}. Utterance: {x}\\nIntent:
Return only one of the words {o}. {x}
Text: {x}\\nWhich category does the text belong to? ({o})
Given these choices: {o}, what is the text about?\\n{x}
Say which of {o} the customer means: {x}
You sort mail into {o}. Sort this: {x}
Into which of the groups {o} does this go? {x}
{x}\\n\\nAnswer with exactly one of {o}.""",
    "Pick the option that is mentioned ({o}): {x}\nOptions: {o}\\n{x}\\nReply with exactly one option.\nGiven the categories {o}, which fits? {x}",
)
CHOICE_TEXTS = split(
    """I would like the {v}.
We talked about {v} today.
This is about {v}.
Please give me {v}.
The topic is {v}.
I have a question about {v}.
My favorite is {v}.
Can you help me with {v}?
They want {v}.
There is a problem with {v}.
He asked for {v} yesterday.
It must be {v}.
Let me ask about {v}.
We need more {v}.
Tell me more about {v}.
She wrote a long letter about {v}.
I am calling because of {v}.
My question is about {v}.
Could somebody look into {v}?
I am not happy with {v}.
We have trouble with {v} again.
Do you offer {v}?
He came for the {v}.
We ordered {v} last week.
The last message was about {v}.
In this text you read about {v}.
I bought {v} and like it.
{v} is what I mean.
{v} please!
What can you say about {v}?
How much is {v}?
It has to do with {v}.
The report deals with {v}.
No doubt it was {v}.
Everyone spoke of {v}.
{v} is my only wish.
I saw {v} there.""",
    "They chose {v} again.\nAll of it concerns {v}.\nNothing but {v} on my mind.",
)
