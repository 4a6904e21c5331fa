using System.Reflection;
using EdgeProxy.Slots;
using Microsoft.Extensions.Logging;

namespace EdgeProxy.Tests.Diagnostics;

/// <summary>Operators filter and alert by event id: one id is one message, and its hundred says which part speaks.</summary>
public sealed class EventIdTests
{
    private static readonly (Type DeclaredBy, int Id)[] _messages =
    [
        .. from type in typeof(SlotPair).Assembly.GetTypes()
           from method in type.GetMethods(
               BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
           let message = method.GetCustomAttribute<LoggerMessageAttribute>()
           where message is not null
           select (type, message.EventId),
    ];

    [Fact]
    public void No_id_is_used_twice()
    {
        Assert.True(_messages.Length > 30, $"only {_messages.Length} messages were found");
        Assert.Empty(_messages.GroupBy(message => message.Id).Where(group => group.Count() > 1)
            .Select(group => $"{group.Key}: {string.Join(", ", group.Select(message => message.DeclaredBy))}"));
    }

    [Theory]
    [InlineData("EdgeProxy.Proxying", 2)]
    [InlineData("EdgeProxy.Switching", 3)]
    [InlineData("EdgeProxy.Records", 4)]
    [InlineData("EdgeProxy.Units.Process", 5)]
    [InlineData("EdgeProxy.Units.Systemd", 6)]
    [InlineData("EdgeProxy.Diagnostics", 7)]
    [InlineData("EdgeProxy.Admin", 8)]
    [InlineData("EdgeProxy.StaticFiles", 10)]
    [InlineData("EdgeProxy.Sites", 12)]
    [InlineData("EdgeProxy.Notify", 13)]
    [InlineData("EdgeProxy.Tls", 11)]
    [InlineData("EdgeProxy.Tls.Acme", 11)]
    public void The_hundred_of_an_id_is_its_features(string feature, int hundred)
    {
        var ids = _messages.Where(
            message => FeatureOf(message.DeclaredBy) is var of && (of == feature || of.StartsWith($"{feature}.", StringComparison.Ordinal)))
            .Select(message => message.Id)
            .ToList();
        Assert.NotEmpty(ids);
        Assert.All(ids, id => Assert.Equal(hundred, id / 100));
    }

    /// <summary>The records of switches are what is kept on disk, and speak as that.</summary>
    private static string FeatureOf(Type type) => type.Namespace == "EdgeProxy.Switching.Records" ? "EdgeProxy.Records" : type.Namespace!;
}
