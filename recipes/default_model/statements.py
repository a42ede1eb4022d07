"""Relations: how a fact is told, how it is asked for, and which JSON keys it can have."""

from __future__ import annotations

from dataclasses import dataclass

from wording import Split, split


@dataclass(frozen=True)
class Relation:
    """What a subject of one kind can have: {s} the subject, {o} the object, {r} the attribute's name."""

    subject: str
    object: str
    statements: Split
    questions: Split
    keys: Split


def relation(kinds: str, keys: str, statements: str, questions: str) -> Relation:
    """Alternatives are parted by |; what stands after || is only for the evaluation."""

    def parts(text: str) -> Split:
        known, new = text.split("||")
        return Split(tuple(p.strip() for p in known.split("|")), tuple(p.strip() for p in new.split("|")))

    subject, obj = kinds.split()
    return Relation(subject, obj, parts(statements), parts(questions), parts(keys))


RELATIONS = [
    relation(
        "place place", "capital|capital_name || capital_city",
        "The capital of {s} is {o}.|{o} is the capital of {s}.|{s}'s capital city is {o}.|{s} has {o} as its capital.|{s} is governed from its capital {o}. || The capital city of {s} is called {o}.|The seat of government of {s} is its capital, {o}.",
        "What is the capital of {s}?|Which city is the capital of {s}?|What is {s}'s capital?|What's the capital city of {s}?|What is the name of the capital of {s}? || Name the capital of {s}.|{s} has which capital?",
    ),
    relation(
        "person color", "color|favorite_color|colour || best_color",
        "The favorite color of {s} is {o}.|{s}'s favorite color is {o}.|{s} likes the color {o}.|{s} loves {o} most of all colors.|The color that {s} likes best is {o}. || {s} prefers the color {o}.|Of all colors {s} is fondest of {o}.",
        "What is the favorite color of {s}?|What is {s}'s favorite color?|Which color does {s} like?|Tell me the favorite color of {s}.|What color does {s} love? || What color does {s} prefer?|Which color would {s} choose?",
    ),
    relation(
        "person place", "city|home|location|lives_in || town|residence",
        "{s} lives in {o}.|{s} has a house in {o}.|The home of {s} is in {o}.|{s} moved to {o} last year.|{s} has lived in {o} for years.|{s}, who lives in {o}, likes it there.|{o} is where {s} lives. || {s} is living in {o}.|{s} resides in {o}.|{s} settled in {o}.",
        "Where does {s} live?|In which city does {s} live?|Where is the home of {s}?|What city does {s} live in?|Which city does {s} live in?|Where is {s} living? || Which town is home to {s}?|Where can I find the house of {s}?",
    ),
    relation(
        "person job", "job|role|occupation|work || profession",
        "{s} works as a {o}.|{s} is a {o}.|The job of {s} is {o}.|{s} has been a {o} for years.|{s} became a {o}.|{s} is a {o} by trade. || {s} earns money as a {o}.|{s} is employed as a {o}.",
        "What is the job of {s}?|What does {s} do for a living?|What does {s} work as?|What is {s}'s profession?|What is {s}'s job?|What kind of work does {s} do? || Which job does {s} have?|As what is {s} employed?",
    ),
    relation(
        "person age", "age|years|current_age || age_years|person_age",
        "{s} is {o} years old.|The age of {s} is {o}.|{s} turned {o} this year.|{s} is aged {o}.|{s} is {o}.|{s} ({o}) is here.|{s} just had birthday number {o}. || At {o}, {s} is the oldest.|{s} has reached the age of {o}.",
        "How old is {s}?|What is the age of {s}?|What is {s}'s age?|What age is {s}?|How old has {s} become? || How many years old is {s}?|Tell me how old {s} is.",
    ),
    relation(
        "org people", "founder|founded_by || founders|established_by",
        "{s} was founded by {o}.|{o} founded {s}.|The founder of {s} is {o}.|{o} started the company {s}.|{s} was started by {o}.|{o} created {s}.|{s} is the company that {o} founded. || {o} is the founder of {s}.|{s} was set up by {o}.|{s} owes its existence to {o}.",
        "Who founded {s}?|Who is the founder of {s}?|Who started {s}?|Who created {s}?|Which person founded {s}?|Who was {s} founded by? || By whom was {s} founded?|Who set up {s}?",
    ),
    relation(
        "org year", "founded|founding_year|year_founded || established|since",
        "{s} was founded in {o}.|The company {s} was started in {o}.|{s} opened in the year {o}.|{s} was created in {o}.|In {o}, {s} was founded.|The founding year of {s} is {o}.|{s} began in {o}. || {s} has existed since {o}.|{s} dates from {o}.|{s} came into being in {o}.",
        "When was {s} founded?|In what year was {s} founded?|When did {s} open?|In which year did {s} start?|When was {s} started?|What is the founding year of {s}?|When did {s} begin? || Since when does {s} exist?|What year was {s} created?",
    ),
    relation(
        "product number", "price|cost|price_dollars || price_usd|amount",
        "The price of {s} is {o} dollars.|{s} costs {o} dollars.|You can buy {s} for {o} dollars.|{s} sells for {o} dollars.|{s} is priced at {o} dollars.|For {o} dollars you get {s}.|We paid {o} dollars for {s}.|{s}, which costs {o} dollars, is popular. || {s} is sold for {o} dollars.|They charge {o} dollars for {s}.",
        "How much does {s} cost?|What is the price of {s}?|What does {s} cost?|How much is {s}?|What is the cost of {s}?|How much do I pay for {s}?|At what price is {s} sold? || How many dollars is {s}?|How much money do I need for {s}?",
    ),
    relation(
        "org code", "password|passcode || secret",
        "The password for {s} is {o}.|To open {s}, use the password {o}.|{s} has the password {o}.|{s} is protected by the password {o}.|Use {o} as the password of {s}. || Log in to {s} with the password {o}.|{s} lets you in with the password {o}.",
        "What is the password for {s}?|What is the password of {s}?|Which password opens {s}?|Which password does {s} have?|What password do I need for {s}? || How do I log in to {s}?|With which password do I enter {s}?",
    ),
    relation(
        "org number", "port|port_number || tcp_port",
        "{s} listens on port {o}.|The port of {s} is {o}.|Connect to {s} on port {o}.|{s} runs on port {o}.|{s} is served on port {o}.|You find {s} at port {o}. || {s} uses port {o}.|{s} answers on port {o}.",
        "What is the port of {s}?|On which port does {s} listen?|What port should I use for {s}?|Which port is {s} on?|On what port does {s} run?|Where does {s} listen? || Which port does {s} use?|What port number has {s}?",
    ),
    relation(
        "product material", "material|made_of || fabric",
        "{s} is made of {o}.|They make {s} from {o}.|The material of {s} is {o}.|{s} consists of {o}.|{s} is produced from {o}. || {s} is built from {o}.|{o} is what {s} is made out of.",
        "What is {s} made of?|What is the material of {s}?|What do they make {s} from?|What does {s} consist of?|Of what is {s} made? || From what is {s} built?|Which material is {s}?",
    ),
    relation(
        "person food", "food|favorite_food || dish",
        "{s} loves to eat {o}.|The favorite food of {s} is {o}.|{s} eats {o} every day.|{s} likes {o} for breakfast.|{s} ordered {o}.|{s} cooks {o} well. || {s} enjoys {o} for lunch.|{s} would eat {o} all day.",
        "What does {s} love to eat?|What is the favorite food of {s}?|What does {s} eat?|What does {s} like to eat?|What food does {s} like? || Which food does {s} enjoy?|What would {s} eat?",
    ),
    relation(
        "person person", "manager|boss|supervisor || lead",
        "The boss of {s} is {o}.|{s} reports to {o}.|The manager of {s} is {o}.|{o} manages {s}.|{o} is the boss of {s}.|{s}'s manager is {o}. || {s} works under {o}.|{s} is led by {o}.",
        "Who is the manager of {s}?|Who is the boss of {s}?|Who does {s} report to?|Who manages {s}?|Who is {s}'s boss? || Under whom does {s} work?|Who leads {s}?",
    ),
    relation(
        "person person", "spouse|married_to|partner || wife_or_husband",
        "{s} is married to {o}.|{s} married {o}.|The partner of {s} is {o}.|{o} is married to {s}. || {s} and {o} are a married couple.|{s} wed {o}.",
        "Who is {s} married to?|Who is the partner of {s}?|Who did {s} marry?|Whom did {s} marry? || To whom is {s} married?|Who wed {s}?",
    ),
    relation(
        "person place", "birthplace|born_in || place_of_birth|origin",
        "{s} was born in {o}.|The birthplace of {s} is {o}.|{s} comes from {o}.|{s} is from {o}.|{s} grew up in {o}. || {s} was originally from {o}.|{s} first saw the light of day in {o}.",
        "Where was {s} born?|What is the birthplace of {s}?|Where does {s} come from?|Where is {s} from?|Where did {s} grow up? || In which city was {s} born?|What is the place of birth of {s}?",
    ),
    relation(
        "person year", "birth_year|born || year_of_birth",
        "{s} was born in {o}.|The birth year of {s} is {o}.|{s} has been alive since {o}.|In {o}, {s} was born. || {s} came into the world in {o}.|{s}, born in {o}, is well known.",
        "When was {s} born?|What is the birth year of {s}?|In which year was {s} born?|In what year was {s} born? || Since when has {s} been alive?|What year did {s} come into the world?",
    ),
    relation(
        "person hobby", "hobby|activity || pastime",
        "The hobby of {s} is {o}.|{s} enjoys {o} on weekends.|{s} spends free time on {o}.|{s} likes {o}.|{s} is good at {o}. || In the evening {s} likes {o}.|When free, {s} does {o}.",
        "What is the hobby of {s}?|What does {s} like to do?|What does {s} enjoy on weekends?|What is {s} good at?|Which hobby does {s} have? || How does {s} spend free time?|What does {s} do when free?",
    ),
    relation(
        "person animal", "pet|animal || pet_kind|pet_type",
        "{s} has a {o}.|{s} owns a {o}.|The pet of {s} is a {o}.|{s} bought a {o}.|{s} walks a {o} every day. || {s} keeps a {o}.|A {o} lives with {s}.",
        "Which pet does {s} have?|What animal does {s} own?|What is the pet of {s}?|What kind of pet does {s} have? || Which animal does {s} keep?|What pet lives with {s}?",
    ),
    relation(
        "event day", "date|day|when || event_date|held_on",
        "{s} takes place on {o}.|{s} is on {o}.|The date of {s} is {o}.|{s} will be held on {o}.|{s} was moved to {o}.|On {o} there is {s}.|{s} happens on {o}. || {s} starts on {o}.|We planned {s} for {o}.|{s} is set for {o}.",
        "When is {s}?|On which day is {s}?|When does {s} take place?|What is the date of {s}?|When will {s} be held?|When does {s} happen? || What day is {s}?|Which date was set for {s}?",
    ),
    relation(
        "event time", "time|start_time || begins_at",
        "{s} starts at {o}.|{s} begins at {o}.|The start time of {s} is {o}.|{s} opens at {o}.|Be there at {o} for {s}. || At {o} we begin {s}.|{s} gets going at {o}.",
        "What time does {s} start?|When does {s} begin?|What is the start time of {s}?|When does {s} start?|At what time does {s} begin? || At what time is {s}?|What time should I come to {s}?",
    ),
    relation(
        "event place", "venue|place|location || held_in",
        "{s} takes place in {o}.|{s} is in {o}.|{s} will be held in {o}.|The place of {s} is {o}.|We meet in {o} for {s}. || {s} was hosted in {o}.|Come to {o} for {s}.",
        "Where is {s}?|Where does {s} take place?|Where will {s} be held?|What is the place of {s}?|In which city is {s}? || Which city hosts {s}?|Where do we meet for {s}?",
    ),
    relation(
        "org place", "headquarters|city|location|based_in || seat|hq",
        "{s} is based in {o}.|The office of {s} is in {o}.|{s} has its headquarters in {o}.|{s} has its office in {o}.|The headquarters of {s} are in {o}.|{s} comes from {o}.|{s}, a company from {o}, is growing.|{o} is home to {s}. || {s} is located in {o}.|{s} operates out of {o}.|{s} sits in {o}.",
        "Where is {s} based?|Where is the office of {s}?|In which city is {s}?|Where are the headquarters of {s}?|Which city is {s} based in?|Where does {s} have its office?|In what city is {s} based? || Where is {s} located?|What city does {s} operate out of?",
    ),
    relation(
        "person email", "email|email_address|mail || contact",
        "The email of {s} is {o}.|You can reach {s} at {o}.|{s} uses the address {o}.|Send mail for {s} to {o}.|{s} can be reached at {o}.|Contact {s} at {o}.|{s} ({o}) can help. || Write to {s} at {o}.|{s} answers mail at {o}.",
        "What is the email of {s}?|How can I reach {s}?|What is {s}'s email address?|How do I contact {s}?|At which address can I reach {s}? || Which email does {s} have?|Where do I write to {s}?",
    ),
    relation(
        "product number", "weight|weight_kg || mass",
        "{s} weighs {o} kilograms.|The weight of {s} is {o} kilograms.|{s} has a weight of {o} kilograms.|With {o} kilograms, {s} is heavy. || {s} has a mass of {o} kilograms.|{s} brings {o} kilograms to the scales.",
        "How much does {s} weigh?|What is the weight of {s}?|How heavy is {s}?|What does {s} weigh? || How many kilograms is {s}?|What is the mass of {s}?",
    ),
    relation(
        "product org", "maker|manufacturer|company || brand|vendor",
        "{s} is made by {o}.|{o} makes {s}.|The maker of {s} is {o}.|{s} comes from {o}.|{o} builds {s}.|{o} sells {s}.|{s} is a product of {o}. || {s} is manufactured by {o}.|{o} is behind {s}.",
        "Who makes {s}?|Which company makes {s}?|Who is the maker of {s}?|Which company sells {s}?|Who builds {s}? || Who manufactures {s}?|Which firm is behind {s}?",
    ),
    relation(
        "org product", "product|makes|best_product || flagship",
        "{s} makes {o}.|{s} builds {o}.|The product of {s} is {o}.|{s} produces {o}.|{s} is known for {o}. || {s} manufactures {o}.|The pride of {s} is {o}.",
        "What does {s} make?|What is the product of {s}?|What does {s} produce?|What is {s} known for?|What does {s} build? || What does {s} manufacture?|Which product does {s} offer?",
    ),
    relation(
        "person org", "company|employer|works_for || firm|organization",
        "{s} works for {o}.|{s} joined {o}.|{s} works at {o}.|The employer of {s} is {o}.|{o} hired {s}.|{s} has a job at {o}. || {s} is employed by {o}.|{s} is on the payroll of {o}.",
        "Where does {s} work?|Who does {s} work for?|Which company does {s} work for?|What is the employer of {s}?|Who hired {s}? || By whom is {s} employed?|Which firm pays {s}?",
    ),
    relation(
        "org number", "employees|staff|employee_count || headcount",
        "{s} has {o} employees.|{s} employs {o} people.|{o} people work at {s}.|The staff of {s} is {o} people. || {s} gives work to {o} people.|At {s} there are {o} workers.",
        "How many employees does {s} have?|How many people work at {s}?|How many people does {s} employ?|How large is the staff of {s}? || What is the headcount of {s}?|How many workers are at {s}?",
    ),
    relation(
        "place number", "population|inhabitants || residents",
        "{s} has {o} inhabitants.|The population of {s} is {o}.|{o} people live in {s}.|{s} has a population of {o}. || {s} counts {o} residents.|{s} is home to {o} people.",
        "How many people live in {s}?|What is the population of {s}?|How many inhabitants does {s} have?|How large is the population of {s}? || How many residents are in {s}?|How populous is {s}?",
    ),
    relation(
        "person code", "id|order_id|code || reference",
        "{s} has the id {o}.|The code of {s} is {o}.|{s} got the number {o}.|{s} has the code {o}.|The order id of {s} is {o}. || {s} is listed under {o}.|We filed {s} as {o}.",
        "What is the id of {s}?|What is the code of {s}?|Which number did {s} get?|Which code does {s} have? || Under what is {s} listed?|How was {s} filed?",
    ),
    relation(
        "product status", "status|state|order_status || current_status",
        "The status of {s} is {o}.|{s} has the status {o}.|{s} is {o}.|{s} is now {o}.|{s} is marked as {o}. || {s} currently is {o}.|We set {s} to {o}.",
        "What is the status of {s}?|Which status does {s} have?|What state is {s} in?|What is the state of {s}? || How is {s} marked?|To what did we set {s}?",
    ),
    relation(
        "person food", "order|ordered|meal || dinner",
        "{s} ordered {o}.|{s} wants {o}.|{s} would like {o}.|{s} asked for {o}.|{o} was ordered by {s}.|{s} will have {o}. || {s} went for {o}.|It was {o} that {s} chose to eat.",
        "What did {s} order?|What does {s} want?|What would {s} like?|What was ordered by {s}?|What will {s} have? || What did {s} go for?|What is on the plate of {s}?",
    ),
    relation(
        "product color", "color|colour || paint",
        "{s} is {o} in color.|The color of {s} is {o}.|{s} comes in {o}.|{s} was painted {o}.|They made {s} in {o}. || {s} has a coat of {o} paint.|{o} is how {s} looks.",
        "What color is {s}?|What is the color of {s}?|In which color does {s} come?|Which color was {s} painted?|What is the colour of {s}? || How does {s} look?|What paint does {s} have?",
    ),
    relation(
        "product place", "location|stored_in|place || whereabouts",
        "{s} is kept in {o}.|{s} is stored in {o}.|You find {s} in {o}.|{s} is in {o}.|{s} was shipped to {o}.|{s} arrived in {o}. || {s} sits in {o}.|{o} is where they put {s}.",
        "Where is {s}?|Where is {s} kept?|Where is {s} stored?|Where do you find {s}?|In which place is {s}? || Where does {s} sit?|Where did they put {s}?",
    ),
    relation(
        "event person", "speaker|host|organizer || chair",
        "{o} speaks at {s}.|The speaker at {s} is {o}.|{s} is hosted by {o}.|{o} hosts {s}.|{o} is in charge of {s}.|{s} is organized by {o}. || {o} runs {s}.|{s} lies in the hands of {o}.",
        "Who speaks at {s}?|Who is the speaker at {s}?|Who hosts {s}?|Who is in charge of {s}?|By whom is {s} organized? || Who runs {s}?|In whose hands does {s} lie?",
    ),
    relation(
        "event number", "guests|attendees|visitors || participants",
        "{o} people came to {s}.|{s} had {o} guests.|{s} was attended by {o} people.|{o} guests are expected at {s}.|{s} drew {o} visitors. || {s} saw {o} participants.|The crowd at {s} numbered {o}.",
        "How many people came to {s}?|How many guests did {s} have?|How many people attended {s}?|How many guests are expected at {s}?|How many visitors did {s} draw? || How large was the crowd at {s}?|How many participants did {s} see?",
    ),
    relation(
        "org time", "opening_time|opens|opens_at || start_of_business",
        "{s} opens at {o}.|The doors of {s} open at {o}.|{s} is open from {o}.|The opening time of {s} is {o}.|Every morning {s} opens at {o}. || {s} starts its day at {o}.|You can enter {s} from {o} on.",
        "When does {s} open?|At what time does {s} open?|From what time is {s} open?|What is the opening time of {s}?|When do the doors of {s} open? || When does {s} start its day?|From when can one enter {s}?",
    ),
    relation(
        "org email", "email|contact|support_email || contact_address",
        "You can write to {s} at {o}.|The email of {s} is {o}.|{s} answers mail sent to {o}.|Send questions for {s} to {o}.|The support address of {s} is {o}. || For mail to {s} use {o}.|{s} reads what comes in at {o}.",
        "What is the email of {s}?|How can I write to {s}?|Which email address does {s} have?|Where do I send questions for {s}?|What is the support address of {s}? || How does mail get to {s}?|Where does {s} read its mail?",
    ),
    relation(
        "person number", "salary|pay|income || wage",
        "{s} earns {o} dollars.|The salary of {s} is {o} dollars.|{s} gets {o} dollars a month.|{s} is paid {o} dollars.|{s} makes {o} dollars. || {s} takes home {o} dollars.|They give {s} {o} dollars for the work.",
        "How much does {s} earn?|What is the salary of {s}?|How much is {s} paid?|How many dollars does {s} get?|How much does {s} make? || How much does {s} take home?|How much do they give {s}?",
    ),
    relation(
        "person day", "birthday|date_of_birth|born_on || birth_date",
        "{s} was born on {o}.|The birthday of {s} is {o}.|{s} has a birthday on {o}.|{s} arrives on {o}.|{o} is the birthday of {s}. || {s} came into the world on {o}.|We celebrate {s} on {o}.",
        "When is the birthday of {s}?|On what day was {s} born?|What is the birthday of {s}?|When does {s} have a birthday?|When was {s} born exactly? || When do we celebrate {s}?|When did {s} come into the world?",
    ),
    relation(
        "product day", "due_date|due|deadline || ready_by",
        "{s} is due on {o}.|{s} will be delivered on {o}.|{s} arrives on {o}.|The due date of {s} is {o}.|We expect {s} on {o}. || {s} should be ready by {o}.|By {o} we will have {s}.",
        "When is {s} due?|When will {s} be delivered?|When does {s} arrive?|What is the due date of {s}?|When do we expect {s}? || By when should {s} be ready?|By when will we have {s}?",
    ),
    relation(
        "place person", "mayor|governor|ruler || leader_name",
        "The mayor of {s} is {o}.|{o} is the mayor of {s}.|{s} elected {o} as its mayor.|{o} governs {s}.|{s} has {o} as mayor. || {o} rules over {s}.|{s} is led by {o}.",
        "Who is the mayor of {s}?|Who governs {s}?|What is the name of the mayor of {s}?|Whom did {s} elect?|Who is {s}'s mayor? || Who rules over {s}?|By whom is {s} led?",
    ),
]  # fmt: skip

GENERIC = relation(
    "any any", "{r} ||",
    "The {r} of {s} is {o}.|{s}'s {r} is {o}.|For {s}, the {r} is {o}.|The {r} for {s} is {o}.|{s} has the {r} {o}.|{s} has a {r} of {o}.|{o} is the {r} of {s}.|The {r} of {s} was set to {o}.|{s} uses {o} as its {r}.|{s} comes with the {r} {o}.|{s}, with its {r} {o}, is new.|When it comes to {s}, the {r} is {o}.|The {r} that belongs to {s} is {o}.|{s} got {o} as {r}.|{o} was chosen as the {r} of {s}.|The {r} of {s} was {o}.|The {r} of {s}: {o}.|{s}: {r} {o}.|Someone gave {s} the {r} {o}.|{s} (the {r} is {o}) is here.|The {r} of {s} will be {o}.|They set {s}'s {r} to {o}.|On the {r} of {s}: it is {o}.|{s} runs with {r} {o}.|If you ask for the {r} of {s}, it is {o}.|{s} and its {r} {o} are well known. || {s} has {o} as its {r}.|As for {s}, its {r} is {o}.|We know {o} to be the {r} of {s}.",
    "What is the {r} of {s}?|What is {s}'s {r}?|Tell me the {r} of {s}.|What is the {r} for {s}?|Give me {s}'s {r}.|What {r} does {s} have?|What's the {r} of {s}?|Can you tell me the {r} of {s}?|The {r} of {s}?|Which is the {r} of {s}?|What was the {r} of {s}?|What did {s} get as {r}?|{s} has what {r}?|I want to know the {r} of {s}.|Do you know the {r} of {s}?|what is the {r} of {s}|What will the {r} of {s} be?|Say the {r} of {s}.|I need the {r} of {s}.|Look up the {r} of {s}.|{s}'s {r}?|What is listed as the {r} of {s}? || Which {r} does {s} have?|I would like to know the {r} of {s}.|Name the {r} belonging to {s}.",
)  # fmt: skip

# events: {x} was {v} by {p} in the year {y} in {l}; {b} is the verb's base form
EVENT_BY = split(
    "{x} was {v} by {p}.\n{p} {v} {x}.\nIt was {p} who {v} {x}.\nThe person who {v} {x} is {p}.\n{p} is the one who {v} {x}.\n{x}, which {p} {v}, is famous.\nThe one who {v} {x} was {p}.\n{x} exists because {p} {v} it.\n{p} said that they {v} {x}.\n{x}, {v} by {p}, is well known.\nAlong with friends, {p} {v} {x}.\nWe know that {x} was {v} by {p}.",
    "{x} is a thing that {p} {v}.\nIt is to {p}, who {v} it, that we owe {x}.",
)
EVENT_IN = split(
    "{x} was {v} in {y}.\nIn {y}, {x} was {v}.\n{x} was first {v} in {y}.\nThe year in which {x} was {v} is {y}.\nSomeone {v} {x} in {y}.\nThey {v} {x} in {y}.\nIt was in {y} that {x} was {v}.\n{x} ({v} in {y}) is known to all.\nSince {y}, when it was {v}, {x} has been here.\nThe date on which {x} was {v} is {y}.",
    "{y} is the year when {x} was {v}.\nBack in {y} they {v} {x}.",
)
EVENT_AT = split(
    "{x} was {v} in {l}.\n{x} was {v} at {l}.\nIn {l}, {x} was {v}.\nThe place where {x} was {v} is {l}.\nPeople {v} {x} in {l}.\n{x}, {v} in {l}, is well known.\nIt was in {l} that {x} was {v}.\nThe city in which {x} was {v} is {l}.\nThey {v} {x} in {l}.",
    "{l} is where {x} was {v}.\nOver in {l} they {v} {x}.",
)
EVENT_ALL = split(
    "{x} was {v} by {p} in {y}.\n{p} {v} {x} in {y}.\nIn {y}, {p} {v} {x}.\n{x} was {v} in {y} by {p}.\n{x} was {v} in {l} in {y} by {p}.\n{p} {v} {x} in {l} in {y}.\nIn {l}, {p} {v} {x} in {y}.\n{x}, which {p} {v} in {y}, is well known.\nIt was {p} who {v} {x} in {y}.\nThe year was {y} when {p} {v} {x}.",
    "Back in {y} it was {p} who {v} {x}.\n{x} ({v} by {p}, {y}) is old.",
)
ASK_WHO = split(
    "Who {v} {x}?\nBy whom was {x} {v}?\nWho was {x} {v} by?\nWhich person {v} {x}?\nWho is the person who {v} {x}?\nWho was it that {v} {x}?\nTell me who {v} {x}.\nName the person who {v} {x}.\nWho has {v} {x}?\n{x} was {v} by whom?\nWhat is the name of the person who {v} {x}?\nwho {v} {x}",
    "Do you know who {v} {x}?\n{x} was {v} by which person?",
)
ASK_WHEN = split(
    "When was {x} {v}?\nIn which year was {x} {v}?\nIn what year was {x} {v}?\nWhat year was {x} {v}?\nWhen did they {b} {x}?\nTell me when {x} was {v}.\nAt what time was {x} {v}?\nWhen exactly was {x} {v}?\n{x} was {v} when?\nwhen was {x} {v}\nSince when has {x} been {v}?",
    "Which year was {x} {v} in?\nIn what year did they {b} {x}?",
)
ASK_WHERE = split(
    "Where was {x} {v}?\nIn which place was {x} {v}?\nWhere did they {b} {x}?\nIn what city was {x} {v}?\nTell me where {x} was {v}.\nWhere exactly was {x} {v}?\n{x} was {v} where?\nIn which city was {x} {v}?",
    "What is the place where {x} was {v}?\n{x} was {v} in which place?",
)
ASK_WHAT = split("What did {p} {b}?\nWhat was {v} by {p}?\nWhat is it that {p} {v}?", "Which thing did {p} {b}?")

# quantities: {s} has {n} {u}
HAVE = split(
    "{s} has {n} {u}.\nThere are {n} {u} in {s}.\n{s} comes with {n} {u}.\n{s} needs {n} {u}.\n{s} holds {n} {u}.\n{s} lasts {n} {u}.\n{n} {u} belong to {s}.\n{s} is open for {n} {u}.\n{s} counts {n} {u}.\n{s} includes {n} {u}.\n{s} owns {n} {u}.\nThe number of {u} of {s} is {n}.\nAll in all {s} has {n} {u}.\nWith {n} {u}, {s} is large.\n{n} {u} are in {s}.\n{s} got {n} {u}.\n{s} had {n} {u}.\n{s} offers {n} {u}.",
    "{s} contains {n} {u}.\nWe counted {n} {u} in {s}.",
)
ASK_MANY = split(
    "How many {u} does {s} have?\nHow many {u} are there in {s}?\nWhat is the number of {u} of {s}?\nHow many {u} are in {s}?\nHow many {u} belong to {s}?\nTell me how many {u} {s} has.\nHow many {u} did {s} have?\nhow many {u} does {s} have\nWhat is the {u} count of {s}?\n{s} has how many {u}?\nHow many {u} in {s}?",
    "What number of {u} does {s} have?\nCount the {u} of {s}.",
)

REFER = {
    "person": split("This person\nThe person\nThe same person\nThat person", "The individual"),
    "org": split("The company\nThis company\nIt\nThe organization", "The business\nThe firm"),
    "product": split("The product\nThis product\nIt\nThis thing", "The article\nThe item"),
    "event": split("The event\nThis event\nIt", "The occasion"),
}
HEADS = split(
    "This is about {s}.\n{s}:\nHere are notes on {s}.\nSome facts about {s}.\nAbout {s}.\n# {s}\nNotes: {s}.\nLet me tell you about {s}.\n{s} is well known.\nProfile of {s}.\nEntry: {s}.\nToday we look at {s}.\nSubject: {s}.\n{s} is our topic.",
    "The following concerns {s}.\nA short portrait of {s}.",
)
BEFORE = split(
    """According to our records,\nAs far as we know,\nNote that\nIn fact,\nAs it happens,\nToday,\nOfficially,\nAt the moment,
It is known that\nAs everyone knows,\nPlease note:\nRemember that\nWe were told that\nAlso,\nMoreover,\nAs of this week,\nIt is true that\nBelieve it or not,\nYou should know that\nIn addition,\nFor your information,\nThe report says that\nSince last year,\nOnce more:\nThey say that\nNowadays,""",
    "By the way,\nFor what it is worth,\nRumor has it that",
)
