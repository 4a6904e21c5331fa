using EdgeProxy.Slots;
using EdgeProxy.Units;
using EdgeProxy.Units.Process;

namespace EdgeProxy.Tests.Units.Process;

public sealed class CommandTemplateTests
{
    [Theory]
    [InlineData("gunicorn --bind 127.0.0.1:{port} app.wsgi", "gunicorn|--bind|127.0.0.1:8100|app.wsgi")]
    [InlineData("run --name '{slot} app'  \"a \\\" b\"", "run|--name|green app|a \" b")]
    [InlineData("sh -c 'exit 3' ''", "sh|-c|exit 3|")]
    [InlineData(@"a\ b 'c\d' --x=""y z""", @"a b|c\d|--x=y z")]
    public void Words_are_split_as_in_a_shell(string text, string expected)
    {
        var template = CommandTemplate.Parse(text, out var problem);

        Assert.Null(problem);
        Assert.Equal(expected.Split('|'), template!.For(SlotName.Green, Address("http://127.0.0.1:8100")));
    }

    [Theory]
    [InlineData("/opt/it's/edge proxy")]
    [InlineData("\\\"$x")]
    [InlineData("")]
    public void A_quoted_word_stays_one_word(string word) =>
        Assert.Equal([word, "end"], CommandTemplate.Parse($"{CommandTemplate.Quote(word)} end", out _)!.For(SlotName.Blue, Address("http://127.0.0.1:8000")));

    [Theory]
    [InlineData(null)]
    [InlineData("  ")]
    [InlineData("sh -c 'exit")]
    [InlineData("\"")]
    public void A_command_that_is_none_is_refused(string? text)
    {
        Assert.Null(CommandTemplate.Parse(text, out var problem));
        Assert.NotNull(problem);
    }

    [Fact]
    public void A_unix_socket_has_an_address_but_no_port()
    {
        var socket = Address("unix:/run/app/blue.sock");

        Assert.Equal(["gunicorn", "--bind", "unix:/run/app/blue.sock"], CommandTemplate.Parse("gunicorn --bind {address}", out _)!.For(SlotName.Blue, socket));
        var byPort = CommandTemplate.Parse("gunicorn --bind :{port}", out _)!;
        Assert.True(byPort.NeedsPort);
        Assert.Throws<UnitException>(() => byPort.For(SlotName.Blue, socket));
    }

    private static SlotAddress Address(string text) => SlotAddress.TryParse(text, out var address) ? address : throw new ArgumentException(text);
}
