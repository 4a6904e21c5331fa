using System.Text.Json;
using EdgeProxy.Api;

namespace EdgeProxy.Tests.Admin;

public sealed class ApiJsonTests
{
    [Theory]
    [InlineData("a+b <é> & 'ü' 日本", "\"a+b <é> & 'ü' 日本\"")]
    [InlineData("say \"hi\"", "\"say \\\"hi\\\"\"")]
    public void What_people_read_is_not_escaped(string text, string json) => Assert.Equal(json, JsonSerializer.Serialize(text, ApiJson.Relaxed.String));

    /// <summary>An event stream sends it as one line of data.</summary>
    [Fact]
    public void It_is_one_line() => Assert.Equal("\"a\\r\\nb\"", JsonSerializer.Serialize("a\r\nb", ApiJson.Relaxed.String));
}
