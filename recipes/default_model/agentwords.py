"""Wordings of agents that reason in text (ReAct): prompts, and what such an agent writes.

Every frame has four parts, parted by ||: the prompt, with {tools} and {names} in it; the thought before a call; the thought before
the answer; the word before it.  The first is LlamaIndex's default, the last but one LangChain's (both MIT), because users send exactly those.
"""

from __future__ import annotations

from wording import split

_NEED = "I need to use a tool to help me answer the question."
_DONE = "I can answer without using any more tools."
LLAMA_INDEX = (
    """You are designed to help with a variety of tasks, from answering questions to providing summaries to other types of analyses.

## Tools

You have access to a wide variety of tools. You are responsible for using the tools in any sequence you deem appropriate to complete the task at hand.
This may require breaking the task into subtasks and using different tools to complete each subtask.

You have access to the following tools:
{tools}


## Output Format

Please answer in the same language as the question and use the following format:

```
Thought: The current language of the user is: (user's language). I need to use a tool to help me answer the question.
Action: tool name (one of {names}) if using a tool.
Action Input: the input to the tool, in a JSON format representing the kwargs (e.g. {"input": "hello world", "num_beams": 5})
```

Please ALWAYS start with a Thought.

NEVER surround your response with markdown code markers. You may use code markers within your response if you need to.

Please use a valid JSON format for the Action Input. Do NOT do this {'input': 'hello world', 'num_beams': 5}. If you include the "Action:" line, then you MUST include the "Action Input:" line too, even if the tool does not need kwargs, in that case you MUST use "Action Input: {}".

If this format is used, the tool will respond in the following format:

```
Observation: tool response
```

You should keep repeating the above format till you have enough information to answer the question without using any more tools. At that point, you MUST respond in one of the following two formats:

```
Thought: I can answer without using any more tools. I'll use the user's language to answer
Answer: [your answer here (In the same language as the user's question)]
```

```
Thought: I cannot answer the question with the provided tools.
Answer: [your answer here (In the same language as the user's question)]
```

## Current Conversation

Below is the current conversation consisting of interleaving human and assistant messages.
"""
    f"||The current language of the user is: English. {_NEED}||{_DONE} I'll use the user's language to answer||Answer"
)
SHORT_FRAMES = split(
    f"""You can use these tools:\\n{{tools}}\\n\\nWrite in this format:\\nThought: {_NEED}\\nAction: the tool, one of {{names}}\\nAction Input: the arguments as JSON\\n\\nYou will then see:\\nObservation: what the tool returned\\n\\nWhen you know enough, write:\\nThought: {_DONE}\\nAnswer: the answer||{_NEED}||{_DONE}||Answer
Tools:\\n{{tools}}\\n\\nReason step by step. Each step is\\nThought: ...\\nAction: one of {{names}}\\nAction Input: JSON\\nThe system adds an Observation. End with\\nThought: {_DONE}\\nAnswer: ...||{_NEED}||{_DONE}||Answer
You are an agent with tools.\\n\\n{{tools}}\\nAnswer in the form\\n```\\nThought: what you think\\nAction: {{names}}\\nAction Input: {{"key": "value"}}\\n```\\nor, at the end,\\n```\\nThought: I know the answer.\\nFinal Answer: the answer\\n```||I should use a tool.||I know the answer.||Final Answer
Solve the task with the tools {{names}}.\\n{{tools}}\\nUse Thought, Action and Action Input (JSON) for a call, Thought and Answer to finish.||{_NEED}||{_DONE}||Answer
## Tools\\n{{tools}}\\n## Format\\nThought: the reason\\nAction: tool name ({{names}})\\nAction Input: arguments in JSON\\nObservation: result of the tool\\n(repeat)\\nThought: {_DONE}\\nAnswer: what the user gets||{_NEED}||{_DONE}||Answer""",
    f"""Help the user. Functions at your disposal:\\n{{tools}}\\nRespond with the lines Thought, Action (out of {{names}}) and Action Input (a JSON object) until an Observation suffices; conclude with Thought and Answer.||{_NEED}||{_DONE}||Answer""",
)
# plain completions, with the question in the prompt: {q}; Action Input is plain text for tools of one parameter
COMPLETION_FRAMES = split(
    """Answer the following questions as best you can. You have access to the following tools:\\n\\n{tools}\\n\\nUse the following format:\\n\\nQuestion: the input question you must answer\\nThought: you should always think about what to do\\nAction: the action to take, should be one of [{names}]\\nAction Input: the input to the action\\nObservation: the result of the action\\n... (this Thought/Action/Action Input/Observation can repeat N times)\\nThought: I now know the final answer\\nFinal Answer: the final answer to the original input question\\n\\nBegin!\\n\\nQuestion: {q}\\nThought:||I need to use a tool.||I now know the final answer||Final Answer
Tools: {tools}\\n\\nFormat:\\nQuestion: what to answer\\nThought: what to do\\nAction: one of {names}\\nAction Input: input of the action\\nObservation: its result\\nThought: I now know the final answer\\nFinal Answer: the answer\\n\\nQuestion: {q}\\nThought:||I need to use a tool.||I now know the final answer||Final Answer""",
    """These are the actions: {names}\\n{tools}\\nSteps have Thought, Action, Action Input, Observation; the last has Thought and Final Answer.\\n\\nQuestion: {q}\\nThought:||I need to use a tool.||I now know the final answer||Final Answer""",
)
