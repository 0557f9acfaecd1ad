"""Classes that SQLAlchemy has mapped: they stay as they are while they live, and are mapped again in a new kernel."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cases.story import Notebook

IMPORTS = """
import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Integer, String, Table, create_engine, event, func, select
from sqlalchemy.ext.associationproxy import association_proxy
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    DeclarativeBase, Mapped, MappedAsDataclass, Session, backref, column_property, declarative_base, declared_attr,
    mapped_column, reconstructor, registry, relationship, synonym, validates,
)
def session(metadata):
    engine = create_engine('sqlite://')
    metadata.create_all(engine)
    return Session(engine)
"""

USERS = """
class Base(DeclarativeBase): pass
class User(Base):
    __tablename__ = 'users'
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(30))
    mails: Mapped[list['Mail']] = relationship(back_populates='user')
class Mail(Base):
    __tablename__ = 'mails'
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey('users.id'))
    user: Mapped['User'] = relationship(back_populates='mails')
"""

HELD = """
user, rows = User(id=1, name='joe'), [1, 2]
user.mails.append(Mail(id=7))
statement = select(User).where(User.name == 'joe')
columns = [User.id, User.name]
"""

HELD_READS = (
    "user.name, [mail.id for mail in user.mails], user.mails[0].user is user, rows",
    "type(user) is User and type(user.mails[0]) is Mail",
    "columns[1] is User.name, columns[0].property is User.__mapper__.attrs.id",
    "User.metadata is Base.metadata, User.__table__ is Base.metadata.tables['users']",
    "User.__mapper__.registry is Base.registry is Mail.__mapper__.registry",
    "str(statement), str(select(Mail).join(Mail.user))",
)

MODELS = {
    "joined and single inheritance": (
        """
class Base(DeclarativeBase): pass
class Employee(Base):
    __tablename__ = 'employee'
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    type: Mapped[str]
    __mapper_args__ = {'polymorphic_identity': 'employee', 'polymorphic_on': 'type'}
class Engineer(Employee):
    __tablename__ = 'engineer'
    id: Mapped[int] = mapped_column(ForeignKey('employee.id'), primary_key=True)
    info: Mapped[str | None]
    __mapper_args__ = {'polymorphic_identity': 'engineer', 'polymorphic_load': 'inline'}
class Manager(Employee):
    data: Mapped[str | None]
    __mapper_args__ = {'polymorphic_identity': 'manager'}
""",
        """
def use():
    with session(Base.metadata) as s:
        s.add_all([Engineer(name='a', info='x'), Manager(name='b', data='y'), Employee(name='c')])
        s.commit()
        found = s.scalars(select(Employee).order_by(Employee.id))
        return [(type(one).__name__, one.name, getattr(one, 'info', 0), getattr(one, 'data', 0)) for one in found]
""",
    ),
    "many to many, trees, backrefs": (
        """
class Base(DeclarativeBase): pass
link = Table(
    'link', Base.metadata,
    Column('left_id', ForeignKey('lefts.id'), primary_key=True), Column('right_id', ForeignKey('rights.id'), primary_key=True),
)
class Left(Base):
    __tablename__ = 'lefts'
    id: Mapped[int] = mapped_column(primary_key=True)
    rights: Mapped[list['Right']] = relationship(
        secondary=link, backref='lefts', order_by='Right.id.desc()', lazy='joined'
    )
class Right(Base):
    __tablename__ = 'rights'
    id: Mapped[int] = mapped_column(primary_key=True)
    above_id: Mapped[int | None] = mapped_column(ForeignKey('rights.id'))
    below: Mapped[list['Right']] = relationship(cascade='all, delete-orphan')
    above: Mapped['Right | None'] = relationship(remote_side=[id], overlaps='below')
""",
        """
def use():
    with session(Base.metadata) as s:
        rights = [Right(id=1), Right(id=2)]
        rights[0].below.append(Right(id=3))
        s.add(Left(id=1, rights=rights))
        s.commit()
        s.expire_all()
        left, right = s.get(Left, 1), s.get(Right, 1)
        found = [one.id for one in left.rights], [one.id for one in right.lefts], s.get(Right, 3).above is right
        s.delete(right)
        s.commit()
        return found, s.scalar(select(func.count()).select_from(Right))
""",
    ),
    "properties of every kind": (
        """
class Base(DeclarativeBase):
    type_annotation_map = {str: String(50)}
class Stamped:
    made: Mapped[int] = mapped_column(default=7)
    @declared_attr.directive
    def __tablename__(cls): return cls.__name__.lower()
class Person(Stamped, Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    first: Mapped[str] = mapped_column(info={'shown': True})
    last: Mapped[str] = mapped_column('last_name', deferred=True)
    nick = synonym('first')
    tags: Mapped[list['Tag']] = relationship(cascade='all, delete-orphan', lazy='joined', info={'a': 1})
    texts = association_proxy('tags', 'text')
    def __init__(self, first, last='L', **more):
        super().__init__(first=first, last=last, **more)
    @hybrid_property
    def both(self): return self.first + ' ' + self.last
    @validates('first')
    def check_first(self, key, value):
        if value == 'bad': raise ValueError(value)
        return value
    @reconstructor
    def note(self): self.was_loaded = True
    def __repr__(self): return f'<{self.first}>'
class Tag(Stamped, Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[int] = mapped_column(ForeignKey('person.id'))
    text: Mapped[str]
    def __init__(self, text): self.text = text
Person.total = column_property(
    select(func.count(Tag.id)).where(Tag.person == Person.id).correlate_except(Tag).scalar_subquery(), info={'b': 2}
)
""",
        """
def use():
    with session(Base.metadata) as s:
        person = Person('joe')
        person.texts.append('new')
        s.add(person)
        s.commit()
        s.expunge_all()
        found = s.scalars(select(Person).where(Person.both == 'joe L')).unique().one()
        try: Person('bad')
        except ValueError: is_checked = True
        infos = Person.tags.property.info, Person.total.property.info, Person.first.info
        shown = repr(found), found.nick, list(found.texts), found.total, found.was_loaded, found.made, is_checked
        return shown, infos, str(Person.__table__.c.first.type), 'last' in sa.inspect(found).unloaded
""",
    ),
    "models of the older kind": (
        """
Base = declarative_base()
class Thing(Base):
    __tablename__ = 'thing'
    id = Column(Integer, primary_key=True)
    name = Column(String(10), nullable=False)
    parts = relationship('Part', backref=backref('thing', lazy='joined'), order_by='Part.id')
class Part(Base):
    __tablename__ = 'part'
    id = Column(Integer, primary_key=True)
    thing_id = Column(Integer, ForeignKey(Thing.id))
""",
        """
def use():
    with session(Base.metadata) as s:
        s.add(Thing(name='x', parts=[Part(), Part()]))
        s.commit()
        return [(one.name, [part.id for part in one.parts], one.parts[0].thing is one) for one in s.query(Thing)]
""",
    ),
    "classes mapped by a registry": (
        """
reg = registry()
table = Table('points', reg.metadata, Column('id', Integer, primary_key=True), Column('x_', Integer))
class Point:
    def __init__(self, x): self.x = x
reg.map_imperatively(Point, table, properties={'x': table.c.x_})
@reg.mapped
class Other:
    __tablename__ = 'other'
    id: Mapped[int] = mapped_column(primary_key=True)
""",
        """
def use():
    with session(reg.metadata) as s:
        s.add_all([Point(3), Other()])
        s.commit()
        return [(one.id, one.x) for one in s.query(Point)], s.query(Other).count(), Point.__mapper__.registry is reg
""",
    ),
    "data classes": (
        """
class Base(MappedAsDataclass, DeclarativeBase): pass
class Pet(Base):
    __tablename__ = 'pet'
    id: Mapped[int] = mapped_column(init=False, primary_key=True)
    name: Mapped[str]
    age: Mapped[int] = mapped_column(default=3)
""",
        """
def use():
    with session(Base.metadata) as s:
        pet = Pet('rex')
        s.add(pet)
        s.commit()
        return repr(pet), Pet('a') == Pet('a')
""",
    ),
}


CLEAR = """
for _name in set(globals()) - {there!r}:
    if not _name.startswith('_'):
        del globals()[_name]
import gc; gc.collect()
"""


def unequal(report: object) -> dict[str, str]:
    words: dict[str, str] = report.words  # type: ignore[attr-defined]
    return {root: word for root, word in words.items() if word not in ("unchanged", "restored")}


@pytest.mark.few(1)
@pytest.mark.parametrize("used", [False, True], ids=["before they are used", "after"])
def test_models_are_mapped_again_in_a_new_kernel(kernels: Callable[..., Notebook], used: bool) -> None:
    """SQLAlchemy configures its mappers at the first query: both states come back, and both can be used."""
    notebook = kernels()
    notebook.run(IMPORTS)
    there, left = notebook.names(), {}
    for name, (models, use) in MODELS.items():
        notebook.run(models, use)
        if used:
            notebook.run("result = use()")
        left[name] = notebook.at(), notebook.read("use()")
        assert "Not stored" not in notebook.say("status"), name
        notebook.run(CLEAR.format(there=there))
    notebook.kill()
    for name, (revision, expected) in left.items():
        again = kernels()
        report = again.move(f"resume {revision}")
        assert (name, unequal(report)) == (name, {})
        assert (name, again.read("use()")) == (name, expected)
        again.kill()


def test_what_holds_models_finds_them_in_a_new_kernel(kernels: Callable[..., Notebook]) -> None:
    """Instances with their relations, statements, and attributes of classes."""
    notebook = kernels()
    notebook.run(IMPORTS, USERS, HELD)
    before = notebook.read(*HELD_READS)
    assert all("False" not in read for read in before)
    revision = notebook.at()
    notebook.kill()
    again = kernels()
    report = again.move(f"resume {revision}")
    assert unequal(report) == {}
    assert again.read(*HELD_READS) == before
    again.run("user.mails[0].user = None")
    assert again.read("user.mails, sorted(user._sa_instance_state.committed_state)")[0].startswith("([],")


def test_instances_come_back_equal_while_their_class_lives(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(IMPORTS, USERS, "user, rows = User(id=1, name='joe'), [1, 2]\nuser.mails.append(Mail(id=7))")
    there = (
        "user.name, [mail.id for mail in user.mails], user.mails[0].user is user, rows, type(user) is User"
    )
    before = notebook.read(there)
    notebook.run("user.name = 'ann'; rows.append(3); user.mails.append(Mail(id=8))")
    after = notebook.read(there)
    for mover, expected in (("undo", before), ("redo", after), ("undo", before)):
        report = notebook.move(mover)
        assert unequal(report) == {}, report.data
        assert report.word("user") == report.word("rows") == "restored"
        assert notebook.read(there) == expected


def test_a_model_that_was_added_goes_and_comes_back_the_very_same(kernels: Callable[..., Notebook]) -> None:
    """A registry keeps what it has: undo says that it is not what it was, and redo has the same class in the same registry."""
    notebook = kernels()
    notebook.run(IMPORTS, USERS)
    notebook.run(
        "class Extra(Base):\n    __tablename__ = 'extra'\n    id: Mapped[int] = mapped_column(primary_key=True)"
    )
    report = notebook.move("undo")
    assert report.word("Extra") == "removed"
    assert "it keeps its current value: a library has registered its classes" in str(report.data)
    report = notebook.move("redo")
    assert unequal(report) == {}, report.data
    assert notebook.read(
        "Extra.__table__ is Base.metadata.tables['extra']", "Extra.__mapper__.registry is Base.registry"
    ) == ["True", "True"]


def test_models_whose_cell_ran_again_are_told_from_the_first_ones(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(IMPORTS, USERS, HELD, USERS, "user = User(id=5, name='new')")
    report = notebook.move("undo 2")
    assert {report.word(name) for name in ("User", "Mail", "user")} <= {"unchanged", "restored"}, report.data
    assert notebook.read("type(user) is User, user.name") == ["(True, 'joe')"]
    report = notebook.move("redo 2")
    assert {report.word(name) for name in ("User", "Mail", "user")} <= {"unchanged", "restored"}, report.data
    assert notebook.read("type(user) is User, user.name") == ["(True, 'new')"]


def test_classes_with_listeners_are_said_to_be_lost(kernels: Callable[..., Notebook]) -> None:
    """What listens is told by its object's address and nobody's value: a class without it would be another, in silence."""
    notebook = kernels()
    notebook.run(
        IMPORTS, USERS, "rows = [1]\n@event.listens_for(User, 'before_insert')\ndef on(*_): rows.append(2)"
    )
    assert "Not stored" in notebook.say("status")
    revision = notebook.at()
    notebook.kill()
    again = kernels()
    report = again.move(f"resume {revision}")
    assert report.word("rows") == "restored"
    assert {report.word(name) for name in ("User", "Mail")} == {"lost"}, report.data
    assert "a mapped class with a listener for `before_insert`" in report.why("User")


def test_data_classes_keep_their_defaults(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(IMPORTS, MODELS["data classes"][0], "pet = Pet('rex')")
    revision = notebook.at()
    notebook.kill()
    again = kernels()
    report = again.move(f"resume {revision}")
    assert unequal(report) == {}
    assert again.read("pet.age, Pet('ann').age") == ["(3, 3)"]


def test_an_instance_of_a_live_session_is_said_to_be_another(kernels: Callable[..., Notebook]) -> None:
    """What is built belongs to no session: the session still has the one that the undo replaced, and would write that one."""
    notebook = kernels()
    notebook.run(
        IMPORTS,
        USERS,
        "s = session(Base.metadata)\nuser = User(id=1, name='a')\ns.add(user)\ns.commit()\nuser.name",
    )
    notebook.run("user.name = 'b'")
    report = notebook.move("undo")
    assert report.word("user") == "not_identical", report.data


@pytest.mark.parametrize("listened", ["User.__table__", "Base.metadata"])
def test_models_with_listeners_on_their_tables_are_said_to_be_lost(
    kernels: Callable[..., Notebook], listened: str
) -> None:
    notebook = kernels()
    notebook.run(IMPORTS, USERS, f"event.listen({listened}, 'after_create', sa.DDL('select 1'))")
    assert "Not stored" in notebook.say("status")
    revision = notebook.at()
    notebook.kill()
    report = kernels().move(f"resume {revision}")
    assert "a listener for `after_create`" in report.why("User"), report.data


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("@event.listens_for(sa.engine.Engine, 'connect')\ndef on(*_): pass", "sqlalchemy.event.listens_for"),
        ("event.listen(sa.orm.Mapper, 'before_insert', print)", "sqlalchemy.event.listen"),
        (
            "made = sa.orm.sessionmaker()\nevent.listen(made, 'before_commit', print)",
            "sqlalchemy.event.listen",
        ),
        (
            "from sqlalchemy.ext.compiler import compiles\n@compiles(String, 'sqlite')\ndef text(*_, **__): return 'TEXT'",
            "sqlalchemy.ext.compiler.compiles",
        ),
    ],
    ids=["an engine", "a mapper", "a maker of sessions", "a compiler"],
)
def test_what_a_cell_has_the_library_call_is_said_not_to_go_with_a_move(
    kernels: Callable[..., Notebook], cell: str, told: str
) -> None:
    notebook = kernels()
    notebook.run(IMPORTS, "x = 1", cell)
    revision = notebook.at()
    assert told in notebook.say("undo")
    notebook.kill()
    assert told in kernels().say(f"resume {revision}")


def test_notes_on_tables_come_back(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(
        IMPORTS,
        "metadata = sa.MetaData()\nrows = Table('rows', metadata, Column('n', Integer, info={'unit': 'm'}), info={'owner': 'me'})",
        "metadata.info['version'] = [1]\nversion = metadata.info['version']",
        "metadata.info['version'].append(2)",
    )
    reads = (
        "metadata.info, metadata.info['version'] is version",
        "rows.info, rows.c.n.info, rows.metadata is metadata",
    )
    revision = notebook.at()
    expected = notebook.read(*reads)
    assert unequal(notebook.move("undo")) == {}
    assert notebook.read("metadata.info, version, metadata.info['version'] is version") == [
        "({'version': [1]}, [1], True)"
    ]
    notebook.kill()
    again = kernels()
    assert unequal(again.move(f"resume {revision}")) == {}
    assert again.read(*reads) == expected


def test_aliases_and_options_of_queries_take_no_class_with_them(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(
        IMPORTS, USERS, "from sqlalchemy.orm import aliased, load_only\nuser = User(id=1, name='joe')"
    )
    notebook.run("other = aliased(User)", "statement = select(User).options(load_only(User.name))")
    assert "Not stored: other and statement._with_options" in notebook.say("status")
    revision = notebook.at()
    notebook.kill()
    again = kernels()
    report = again.move(f"resume {revision}")
    assert {report.word(name) for name in ("Base", "User", "Mail", "user")} == {"restored"}, report.data
    assert (report.word("other"), report.word("statement")) == ("lost", "not_identical")
    assert again.read("type(user) is User, user.name") == ["(True, 'joe')"]
