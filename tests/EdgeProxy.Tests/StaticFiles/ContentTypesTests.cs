using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.StaticFiles;

public sealed class ContentTypesTests
{
    [Fact]
    public void Every_extension_of_the_system_list_has_a_type()
    {
        Assert.SkipWhen(!File.Exists(SystemMediaTypes.Path), "the package media-types is not installed");
        var types = SystemMediaTypes.Read(SystemMediaTypes.Path);
        string[] extensions = [.. types.Where(type => type.Value != ContentTypes.Opaque && type.Key.LastIndexOf('.') == 0).Select(type => type.Key)];

        Assert.True(extensions.Length > 1000, $"{extensions.Length} extensions");
        Assert.All(extensions, extension => Assert.NotEqual(ContentTypes.Opaque, ContentTypes.Of("a" + extension)));
    }

    [Fact]
    public void A_list_is_read_as_mime_types_describes_it()
    {
        var types = SystemMediaTypes.Parse(
            [
                "# comment", "", "video/x-new\t\tnew New2 # and so on", "image/other new", "text/none", "no-type ext", "text/html\r\nSet-Cookie:x evil",
                "a/b,c evil2"]);

        Assert.Equal("video/x-new", types[".new"]);
        Assert.Equal("video/x-new", types[".NEW2"]);
        Assert.False(types.ContainsKey(".ext"));
        Assert.False(types.ContainsKey(".evil2"));
    }

    [Fact]
    public async Task A_list_that_is_not_there_or_no_list_is_empty()
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllBytesAsync(directory["binary"], [0, 1, 2, 0xff, (byte)'\n', 0], TestContext.Current.CancellationToken);

        Assert.Empty(SystemMediaTypes.Read(directory["missing"]));
        Assert.Empty(SystemMediaTypes.Read(directory["binary"]));
        Assert.Empty(SystemMediaTypes.Read(directory.Path));
    }

    /// <summary>Whatever a machine's list calls a script, no page of the site can load it from uploads.</summary>
    [Theory]
    [InlineData("text/javascript")]
    [InlineData("application/x-javascript")]
    [InlineData("application/ECMAScript")]
    [InlineData("text/css; charset=utf-8")]
    [InlineData("application/wasm")]
    public void A_script_can_be_loaded_whatever_its_type_is_called(string type)
    {
        Assert.True(ContentTypes.IsActive(type));
        Assert.True(ContentTypes.IsLoadable(type));
    }
}
