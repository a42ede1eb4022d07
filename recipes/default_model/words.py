"""Lists of words: values that fill the templates, and names of things, keys and tools."""

from __future__ import annotations

from wording import words

FIRST_NAMES = """Ada Alan Grace Linus Mary John Sara Omar Lina Ivan Rosa Hugo Nina Paul Emma Noah Olivia Liam Ava Lucas Mia
Ethan Zoe Leo Ruth Carl Anna Tom Kate Ben Bob Alice Carol Dave Eve Maria Jose Peter Susan James Linda Robert David Laura
Frank Diana Victor Elena Marco Julia Oscar Clara Felix Irene Simon Tara Yuki Kenji Mei Wei Priya Ravi Amir Leila Fatima
Hassan Chen Sofia Mateo Isabel Pablo Greta Lars Ingrid Sven Olga Boris Nadia Pierre Claire Luc Marie Hans Heidi Kofi Ama Zuri
Jomo Tariq Noor Agnes Albert Bruno Cecil Daphne Edgar Flora Gustav Helen Ines Jonas Karl Lydia Milan Naomi Otto Petra Quentin
Rita Stefan Theo Ursula Vera Walter Xavier Yara Zoltan""".split()
LAST_NAMES = """Smith Jones Brown Garcia Miller Davis Lopez Wilson Moore Taylor Lee Clark Lewis Young King Wright Hill Green
Adams Baker Nelson Carter Turner Parker Collins Stewart Morris Reed Cook Bell Murphy Cooper Ward Gray Kim Patel Singh Khan
Tanaka Sato Novak Silva Rossi Weber Hopper Turing Lovelace Berg Costa Dubois Eriksen Fischer Haas Ito Jansen Keller Lang
Marino Nguyen Okafor Pereira Quist Romero Schmidt Torres Ulrich Vega Wong Yilmaz Zhang""".split()
CITIES = """Paris London Rome Madrid Berlin Tokyo Cairo Athens Oslo Stockholm Ottawa Lisbon Warsaw Vienna Dublin Lima Havana
Boston Chicago Denver Dallas Seattle Austin Miami Houston Portland Phoenix Toronto Montreal Sydney Melbourne Mumbai Delhi
Beijing Shanghai Seoul Bangkok Hanoi Jakarta Manila Nairobi Lagos Accra Dakar Tunis Zurich Geneva Milan Naples Turin Munich
Hamburg Cologne Prague Budapest Sofia Helsinki Bergen Kyoto Osaka Quito Bogota Santiago Los␣Angeles Cape␣Town New␣York
Buenos␣Aires Tel␣Aviv Salt␣Lake␣City Hong␣Kong Kuala␣Lumpur Saint␣Paul Las␣Vegas Rio␣de␣Janeiro Porto Leeds Graz""".split()
CITIES = [city.replace("␣", " ") for city in CITIES]
COLORS = (
    "red blue green yellow purple orange black white silver golden pink brown gray violet teal beige crimson".split()
)
FOODS = """rice pasta soup bread fish apples cheese tea coffee honey noodles salad curry tacos pizza mango beans eggs sushi
butter plums olives garlic pancakes waffles dumplings""".split()
JOBS = """doctor teacher pilot farmer baker nurse engineer lawyer painter singer writer chef plumber driver tailor dentist
carpenter librarian journalist gardener butcher electrician translator""".split()
HOBBIES = """chess running swimming painting reading cooking hiking sailing dancing fishing cycling singing knitting archery
pottery gardening juggling surfing""".split()
ANIMALS = "dog cat horse parrot rabbit turtle hamster goat snake pony ferret donkey goose lizard canary".split()
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
STATUSES = "open closed pending active inactive blocked".split()
UNITS = """days hours weeks minutes meters miles rooms seats pages points votes liters grams employees students windows floors
customers bottles tickets shelves trees members players cars chairs books engines tables servers""".split()

NOUNS = words(
    """owner size name color version author leader river language currency symbol address title license manager host model key
    status weight height speed limit default purpose capital price code port region budget deadline editor sponsor supplier
    route channel floor room engine format level mode team client project server account invoice ticket order report device
    booking meeting reminder song playlist recipe document file folder message comment user customer employee product item
    package shipment flight hotel train table event course lesson record contract payment balance score rating review quote
    stock image video photo map sensor lamp door alarm backup job task queue branch commit issue page note contact
    warehouse camera battery cable bridge castle garden museum library ship rocket satellite telescope printer scanner router
    keyboard monitor speaker bottle basket bicycle truck tractor blanket candle mirror pillow carpet curtain window balcony
    license plate subscription newsletter campaign survey poll badge coupon discount refund receipt expense salary bonus loan
    mortgage policy claim patient prescription diagnosis vaccine surgery clinic pharmacy ward exam grade diploma campus
    lecture seminar thesis journal chapter paragraph poem novel painting statue concert festival orchestra violin trumpet
    stadium referee league trophy coach athlete marathon tournament harbor anchor cargo pilot runway terminal visa luggage
    tunnel station platform engineer turbine reactor pipeline valve pump filter furnace freezer oven kettle toaster spoon
    menu dessert spice vineyard orchard meadow forest glacier volcano island desert canyon waterfall comet planet galaxy
    cluster pipeline dataset schema widget plugin module driver kernel socket thread cache proxy domain certificate password
    token secret vault firewall gateway deployment release milestone sprint backlog ticket incident outage metric dashboard
    serial number founder director chairman mayor governor president captain secretary treasurer height width depth length
    diameter volume temperature pressure humidity brightness capacity duration distance altitude latitude longitude""",
    """warranty passport mailbox greenhouse thermostat voucher container fixture podcast garage aquarium antenna lighthouse
    brochure referral pavilion quota stipend elevator locker hammock parcel bakery orchid tariff hydrant""",
)
VERBS = words(
    """get find search create delete send update book cancel check list open close start stop add remove fetch look_up show
    print move copy share buy sell track schedule order translate read write save load edit insert attach approve reject
    assign merge split rank sort filter group count compute calculate convert validate verify confirm submit invite block
    unblock lock unlock enable disable restart deploy install scan sync import export download query log pay charge refund
    rent return ship deliver collect clean paint repair rate review mute play pause record draw plot call text email ping
    subscribe register enroll hire promote transfer deposit withdraw mark tag label pin describe resolve escalate""",
    "inspect archive rename publish reserve upload measure notify audit reschedule activate duplicate dispatch",
)
KEY_ENDS = words("id name number code type date count level status total label url value", "ref kind tag note")

EVENT_VERBS = words(  # past forms that are participles too; the object is made, found or handled by someone
    """founded:found invented:invent designed:design painted:paint built:build discovered:discover produced:produce
    published:publish directed:direct bought:buy sold:sell repaired:repair opened:open closed:close organized:organize
    launched:launch tested:test planned:plan reviewed:review translated:translate edited:edit recorded:record hosted:host
    financed:finance approved:approve installed:install delivered:deliver cleaned:clean developed:develop released:release
    announced:announce created:create introduced:introduce renamed:rename restored:restore photographed:photograph
    inspected:inspect registered:register donated:donate funded:fund sponsored:sponsor patented:patent taught:teach
    led:lead won:win sent:send made:make signed:sign drafted:draft""",
    "assembled:assemble acquired:acquire composed:compose demolished:demolish commissioned:commission unveiled:unveil",
)
