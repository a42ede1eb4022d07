"""Wordings of answers with sources, and of questions made to stand alone.

The first lines are defaults of LlamaIndex and LangChain (both MIT), because users send exactly those.
"""

from __future__ import annotations

from wording import split

# {c} stands for the numbered sources, {q} for the question; what stands before || is the system prompt
CITED_FRAMES = split(
    """Please provide an answer based solely on the provided sources. When referencing information from a source, cite the appropriate source(s) using their corresponding numbers. Every answer should include at least one source citation. Only cite a source when you are explicitly referencing it. If none of the sources are helpful, you should indicate that. For example:\\nSource 1:\\nThe sky is red in the evening and blue in the morning.\\nSource 2:\\nWater is wet when the sky is red.\\nQuery: When is water wet?\\nAnswer: Water will be wet when the sky is red [2], which occurs in the evening [1].\\nNow it's your turn. Below are several numbered sources of information:\\n------\\n{c}\\n------\\nQuery: {q}\\nAnswer:␣
Answer with a citation like [1].\\n\\n{c}\\n\\nQuestion: {q}\\nAnswer:
Answer the question and cite the source by its number in brackets.\\n{c}\\nQuestion: {q}
{c}\\n\\n{q}\\nGive the number of the source in brackets after the answer.
You answer from numbered sources and cite them as [n].\\n\\n{c}||{q}
Always cite your source in square brackets.||Sources:\\n{c}\\n\\nQuestion: {q}
Use the sources below. After the answer write the number of the source, as in [2].\\n\\n{c}\\n\\nQ: {q}\\nA:
Sources:\\n{c}\\n\\nQuestion: {q}\\nAnswer with citation:
Numbered documents follow. Answer and say in brackets which one you used.\\n{c}\\n\\nUser: {q}""",
    """Below are numbered texts.\\n{c}\\nReply to this and add the bracketed number of the text: {q}
Back your reply up with a reference such as [3].||{c}\\n\\n{q}""",
)
SOURCE_HEADS = split(
    "Source {i}:\\n\nSource {i}:\\n\n[{i}]␣\n[{i}]\\n\nDocument [{i}]:␣\n[Source {i}]␣\n{i}.␣\n[{i}]:␣\n({i})␣",
    "Text no. {i}:␣\nReference {i}\\n",
)
# {h} stands for the history, {q} for the question
CONDENSE_FRAMES = split(
    """Given a conversation (between Human and Assistant) and a follow up message from Human, rewrite the message to be a standalone question that captures all relevant context from the conversation.\\n\\n<Chat History>\\n{h}\\n\\n<Follow Up Message>\\n{q}\\n\\n<Standalone question>\\n
Given the following conversation between a user and an AI assistant and a follow up question from user,\\n  rephrase the follow up question to be a standalone question.\\n\\n  Chat History:\\n  {h}\\n  Follow Up Input: {q}\\n  Standalone question:
Given the following conversation and a follow up question, rephrase the follow up question to be a standalone question, in its original language.\\n\\nChat History:\\n{h}\\nFollow Up Input: {q}\\nStandalone question:
Chat history:\\n{h}\\n\\nFollow-up question: {q}\\n\\nStandalone question:
Rewrite the last question so that it can be understood alone.\\n\\n{h}\\n\\nLast question: {q}
History:\\n{h}\\nQuestion: {q}\\nRewrite the question without pronouns:
Conversation:\\n{h}\\n\\nNew question: {q}\\nThe new question as a search query that stands alone:
Turn the new question into one that needs no history.\\n{h}\\nNew question: {q}\\nAnswer:""",
    """Here is a dialogue:\\n{h}\\nNow somebody says: {q}\\nWrite what is meant, in full:
Resolve what the final question refers to.\\n{h}\\nFinal question: {q}\\nResolved:""",
)
CONDENSE_SYSTEMS = split(
    """Given a chat history and the latest user question which might reference context in the chat history, formulate a standalone question which can be understood without the chat history. Do NOT answer the question, just reformulate it if needed and otherwise return it as is.
Do not answer. Rewrite the user's last question so that it stands alone.
Reformulate the latest question as a standalone question.""",
    "Never reply to the user; only restate the final question in full.",
)
SPEAKERS = (("Human", "Assistant"), ("user", "assistant"), ("Human", "AI"), ("User", "Bot"))
PRONOUNS = {"person": ("they", "this person", "that person"), "place": ("it", "that place")}
"""How a follow-up question names its subject; "it" for all other kinds."""
