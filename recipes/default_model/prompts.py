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
Facts:\\n{{c}}\\n\\nPrompt: {{q}}\\nReply:""",
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
Keep the answer short and use the facts.""",
    """Look through the material and respond.
Be so kind as to solve this with the help of the lines below.
Everything you need is right here.""",
)
CONTEXT_LABELS = split(
    "Context\nText\nNotes\nDocuments\nInformation\nFacts\nKnowledge\nSource\nArticle\nData\ncontext\nInput\nBackground\nDocument\nRetrieved context\nRelevant facts\nCONTEXT",
    "Excerpt\nMaterial\nSnippets\nPage content",
)
QUESTION_LABELS = split(
    "Question\nQ\nQuery\nUser\nHuman\nUser question\nquestion\nThe question\nPrompt\nMy question\nInput question\nQUESTION",
    "Inquiry\nClient\nTask for you",
)
ANSWER_LABELS = split(
    "Answer\nA\nReply\nAssistant\nResponse\nShort answer\nanswer\nHelpful Answer\nFinal answer\nThe answer\nAI\nANSWER",
    "Solution\nVerdict\nOutcome",
)
ASK_FIRST = split(
    "Please tell me:\nAccording to the text,\nQuick question:\nBased on the context,\nPlease answer:\nFrom the notes:\nI want to know:\nHey,\nSo\nOkay,\nOne more question:\nNow tell me,",
    "I was wondering,\nJust out of interest:",
)
SEPARATORS = [" ", " ", " ", "\n", "\n\n", "\n---\n", "\n- ", "\n\n"]
CHUNK_HEADS = split(
    "~\n[{i}]␣\nDocument {i}:␣\n<{i}>␣\n({i})␣\n~\nSource: {f}\\n\n# {f}\\n\npage_label: {i}\\nfile_path: {f}\\n\\n\n{i}.␣\n### {i}\\n\nChunk {i}:␣",
    "Passage {i}\\n\nItem no. {i} --␣",
)
REFINE_FRAMES = split(
    """The original query is as follows: {q}\\nWe have provided an existing answer: {a}\\nWe have the opportunity to refine the existing answer (only if needed) with some more context below.\\n------------\\n{c}\\n------------\\nGiven the new context, refine the original answer to better answer the query. If the context isn't useful, return the original answer.\\nRefined Answer:␣
You are an expert Q&A system that strictly operates in two modes when refining existing answers:\\n1. **Rewrite** an original answer using the new context.\\n2. **Repeat** the original answer if the new context isn't useful.\\nNever reference the original answer or context directly in your answer.\\nWhen in doubt, just repeat the original answer.\\nNew Context: {c}\\nQuery: {q}\\nOriginal Answer: {a}\\nNew Answer:␣
Question: {q}\\nCurrent answer: {a}\\nMore context: {c}\\nImprove the answer if the context helps, else repeat it.\\nAnswer:
Context: {c}\\nQuestion: {q}\\nOld answer: {a}\\nNew answer:
We have this answer: {a}\\nIt was given to: {q}\\nUse the new text if it helps: {c}
Refine the answer.\\n\\nQuestion: {q}\\n\\nExisting answer: {a}\\n\\nNew information:\\n{c}
Query: {q}\\nDraft: {a}\\n\\nHere is another document:\\n{c}\\n\\nFinal answer:""",
    """We asked: {q}\\nSo far the answer is: {a}\\nHere is extra material: {c}\\nGive the final answer:
My colleague was asked "{q}" and said: {a}\\nLook at this too and correct it where needed.\\n{c}""",
)

POLITE = split("~\n~\n~\n~\nPlease␣\nCan you please␣\nNow␣\nCould you␣", "Kindly␣\nWould you mind to␣")
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
Write this: {x}""",
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
Make a short summary.\\n{x}""",
    """Shorten this to a single sentence:\\n{x}
What is the main point here? {x}
In a few words, what does this say? {x}
Boil it down for me: {x}""",
)
LISTS = {
    "- ": split(
        "List these as bullet points: {x}\nMake a bullet list of {x}.\nWrite as bullets: {x}\nBullet points please: {x}\nWrite {x} as a bulleted list.\nPut {x} into bullet points.\n{x}\\nMake bullets of these.\nFormat as bullet points: {x}",
        "Turn {x} into bullet points.\nShow {x} as bullets.\nI want {x} in bullet form.",
    ),
    "1. ": split(
        "Make a numbered list of {x}.\nNumber these items: {x}\nWrite as a numbered list: {x}\nGive a numbered list: {x}\nList with numbers: {x}\nNumber {x} from 1.\n{x}\\nMake a numbered list of these.\nFormat as a numbered list: {x}",
        "Put {x} in a numbered list.\nEnumerate {x}.\nI want {x} with numbers in front.",
    ),
    "[": split(
        "Write {x} as a JSON list.\nReturn a JSON array of {x}.\nJSON list of these: {x}\nAs a JSON array: {x}\nFormat as a JSON list: {x}\n{x}\\nMake a JSON array of these.\nGive a JSON list of {x}.\nTurn into a JSON array: {x}",
        "Convert {x} to a JSON array.\nGive me a JSON list with {x}.\nI need {x} as JSON in brackets.",
    ),
}
POSITIVE = words(
    "great good wonderful amazing excellent lovely fantastic nice superb delightful happy best enjoyable pleasant beautiful awesome impressive incredible fun terrific outstanding love charming",
    "perfect brilliant marvelous splendid",
)
NEGATIVE = words(
    "bad terrible awful poor boring disappointing broken useless worst sad ugly annoying nasty rude dirty cheap weak dull unpleasant hate mediocre pathetic noisy",
    "horrible slow dreadful lousy",
)
THINGS = "movie book product service food hotel phone song game app film restaurant room staff screen story meal trip car".split()
OPINIONS = split(
    "This {t} is {w}.\nI think the {t} was {w}.\nWhat a {w} {t}!\nThe {t} is really {w}.\n{w} {t}\nMy {t} turned out {w}.\nThe {t} was so {w}.\nA {w} {t}, really.\nWe had a {w} {t}.\nThe {t} looks {w} to me.\nI found the {t} {w}.\nVery {w} {t}.",
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
Positive or negative? {x}""",
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
Select one option from: {o}.\\n\\n{x}""",
    "Pick the option that is mentioned ({o}): {x}\nOptions: {o}\\n{x}\\nReply with exactly one option.\nGiven the categories {o}, which fits? {x}",
)
CHOICE_TEXTS = split(
    "I would like the {v}.\nWe talked about {v} today.\nThis is about {v}.\nPlease give me {v}.\nThe topic is {v}.\nI have a question about {v}.\nMy favorite is {v}.\nCan you help me with {v}?\nThey want {v}.\nThere is a problem with {v}.\nHe asked for {v} yesterday.\nIt must be {v}.",
    "They chose {v} again.\nAll of it concerns {v}.\nNothing but {v} on my mind.",
)
